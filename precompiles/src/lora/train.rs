//! Rule 6: the training sets that an adapter declares.

use super::{
    TRAINS_MAX,
    interface::{ILoraRegistry::Train, LoraErrors},
    royalty::BPS,
};
use crate::{Context, Stop, sketch, span};
use alloy_primitives::B256;

/// Checks, in this order: the number of entries; for each, that it names a sketch set or a span index,
/// and of what it names (0: none) that it exists, is sealed and is of the declared datanet; then that the
/// weights sum to a whole, if there are any.
pub(super) fn check(context: &mut Context<'_>, trains: &[Train]) -> Result<(), Stop> {
    if trains.len() > TRAINS_MAX {
        return Err(Stop::revert(LoraErrors::TooManyTrains {
            count: trains.len() as u64,
        }));
    }
    let mut sum = 0u32;
    for (index, train) in (0u8..).zip(trains) {
        if train.sketchSet == 0 && train.spanIndex == 0 {
            return Err(Stop::revert(LoraErrors::TrainUnnamed { index }));
        }
        if train.sketchSet != 0 {
            let id = train.sketchSet;
            let (subject, sealed_block) = sketch::subject_and_seal(context, id)?
                .ok_or_else(|| Stop::revert(LoraErrors::UnknownSketchSet { id }))?;
            check_set(index, train, subject, sealed_block)?;
        }
        if train.spanIndex != 0 {
            let id = train.spanIndex;
            let (subject, sealed_block) = span::datanet_and_seal(context, id)?
                .ok_or_else(|| Stop::revert(LoraErrors::UnknownSpanIndex { id }))?;
            check_set(index, train, subject, sealed_block)?;
        }
        sum = sum.saturating_add(u32::from(train.weightBps));
    }
    if !trains.is_empty() && sum != u32::from(BPS) {
        return Err(Stop::revert(LoraErrors::TrainWeights { sum }));
    }
    Ok(())
}

fn check_set(index: u8, train: &Train, subject: B256, sealed_block: u64) -> Result<(), Stop> {
    if sealed_block == 0 {
        return Err(Stop::revert(LoraErrors::TrainNotSealed { index }));
    }
    if subject != train.datanet {
        return Err(Stop::revert(LoraErrors::TrainDatanetMismatch {
            index,
            subject,
        }));
    }
    Ok(())
}
