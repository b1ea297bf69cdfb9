use crate::{
    Record, differences,
    sources::{L1, L2, block_info},
};
use alloy_eips::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::Bytes;
use kona_derive::{
    EthereumDataSource, Pipeline as _, PipelineBuilder, PipelineError, PipelineErrorKind,
    ResetSignal, Signal, SignalReceiver as _, StatefulAttributesBuilder, StepResult,
};
use kona_protocol::OpAttributesWithParent;
use op_alloy_consensus::{OpTxEnvelope, OpTxType};
use std::{
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

/// Steps in a row without attributes or a new L1 block. A channel takes a step a frame and a batch.
const FRUITLESS_STEPS_MAX: usize = 1 << 20;

/// What was compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// L1 blocks.
    pub l1_blocks: usize,
    /// L2 blocks, the attributes of each.
    pub l2_blocks: usize,
}

/// How kona and the record differ.
#[derive(Debug, thiserror::Error)]
pub enum Difference {
    /// An attribute.
    #[error(
        "block {number}, from L1 block {derived_from}: {paths:?} (\"here\" is ours, \"there\" kona's)"
    )]
    Attributes {
        /// The block's number.
        number: u64,
        /// The L1 block that completed it for kona.
        derived_from: u64,
        /// Each field that differs with both values.
        paths: Vec<String>,
    },
    /// The block that came of the attributes holds something else.
    #[error("block {number} is not what its attributes prescribe: {field}")]
    Block {
        /// The block's number.
        number: u64,
        /// What differs.
        field: &'static str,
    },
    /// kona derived fewer blocks.
    #[error("kona ends at block {found}, we at {expected}")]
    Ends {
        /// Our last block.
        expected: usize,
        /// kona's.
        found: usize,
    },
    /// kona derived a block more.
    #[error("kona derives block {number} from L1 block {derived_from}, we don't")]
    More {
        /// The block's number.
        number: u64,
        /// The L1 block that completed it.
        derived_from: u64,
    },
    /// kona came to a halt.
    #[error("kona fails after block {number}: {source}")]
    Halt {
        /// The newest block.
        number: u64,
        /// Why.
        source: PipelineErrorKind,
    },
    /// kona goes round in circles.
    #[error("kona makes nothing of L1 after block {number}")]
    Stuck {
        /// The newest block.
        number: u64,
    },
}

/// Derives the whole record by kona, from genesis to the last L1 block, and compares each attributes with ours.
///
/// The record stands in for the execution engine, so that attributes which could not be executed are tried again with
/// their deposits alone after the channel was flushed, as kona's driver does. Transactions that don't decode are
/// found by kona's own decoder.
///
/// # Errors
/// The first [`Difference`].
pub fn check(record: Record) -> Result<Checked, Difference> {
    ready(derive(Arc::new(record)))
}

async fn derive(record: Arc<Record>) -> Result<Checked, Difference> {
    let rollup = Arc::new(record.rollup.clone());
    let l1 = L1(record.clone());
    let l2 = L2 {
        record: record.clone(),
        head: Arc::new(AtomicU64::new(0)),
    };
    let halt = |number, source| Difference::Halt { number, source };
    let origin = block_info(
        l1.by_number(rollup.genesis.l1.number)
            .map_err(|missing| halt(0, missing.into()))?,
    );
    let mut safe = l2.info(0).map_err(|missing| halt(0, missing.into()))?;
    let mut pipeline = PipelineBuilder::new()
        .rollup_config(rollup.clone())
        .origin(origin)
        .chain_provider(l1.clone())
        .l2_chain_provider(l2.clone())
        .builder(StatefulAttributesBuilder::new(
            rollup.clone(),
            l2.clone(),
            l1.clone(),
        ))
        .dap_source(EthereumDataSource::new_from_parts(
            l1.clone(),
            l1.clone(),
            &rollup,
        ))
        .build_polled();
    let reset = ResetSignal {
        l2_safe_head: safe,
        l1_origin: origin,
        system_config: None,
    };
    pipeline
        .signal(reset.signal())
        .await
        .map_err(|source| halt(0, source))?;
    let mut fruitless = 0;
    loop {
        let number = safe.block_info.number;
        match pipeline.step(safe).await {
            StepResult::PreparedAttributes => {}
            StepResult::AdvancedOrigin => {
                fruitless = 0;
                continue;
            }
            StepResult::OriginAdvanceErr(PipelineErrorKind::Critical(
                PipelineError::EndOfSource,
            )) => {
                return end(&record, number);
            }
            StepResult::StepFailed(PipelineErrorKind::Temporary(_))
                if fruitless < FRUITLESS_STEPS_MAX =>
            {
                fruitless += 1;
                continue;
            }
            StepResult::StepFailed(PipelineErrorKind::Temporary(_)) => {
                return Err(Difference::Stuck { number });
            }
            StepResult::OriginAdvanceErr(source) | StepResult::StepFailed(source) => {
                return Err(halt(number, source));
            }
        }
        fruitless = 0;
        let mut attributes = pipeline.next().expect("a step has prepared them");
        let refused = undecodable(&attributes);
        if refused {
            deposits_alone(&mut attributes);
        }
        let index = usize::try_from(number).unwrap_or(usize::MAX);
        let derived_from = attributes
            .derived_from
            .map(|l1| l1.number)
            .unwrap_or_default();
        let Some(ours) = record.derived.get(index) else {
            return Err(Difference::More {
                number: number + 1,
                derived_from,
            });
        };
        compare(number + 1, ours, &attributes)?;
        if ours.refused {
            deposits_alone(&mut attributes);
        }
        if refused || ours.refused {
            pipeline
                .signal(Signal::FlushChannel)
                .await
                .map_err(|source| halt(number, source))?;
        }
        prescribes(number + 1, &attributes, ours)?;
        l2.head.store(number + 1, Ordering::Relaxed);
        let child = l2
            .info(number + 1)
            .map_err(|missing| halt(number, missing.into()))?;
        if child.block_info.parent_hash != safe.block_info.hash {
            return Err(Difference::Block {
                number: number + 1,
                field: "parent hash",
            });
        }
        safe = child;
    }
}

fn end(record: &Record, number: u64) -> Result<Checked, Difference> {
    let found = usize::try_from(number).unwrap_or(usize::MAX);
    if found != record.derived.len() {
        return Err(Difference::Ends {
            expected: record.derived.len(),
            found,
        });
    }
    Ok(Checked {
        l1_blocks: record.l1.len(),
        l2_blocks: found,
    })
}

/// Whether a transaction of a batch is none that a block may hold, so that no engine takes the attributes.
fn undecodable(attributes: &OpAttributesWithParent) -> bool {
    let all = attributes.inner.transactions.iter().flatten();
    all.into_iter()
        .any(|tx| OpTxEnvelope::decode_2718(&mut tx.as_ref()).is_err())
}

fn deposits_alone(attributes: &mut OpAttributesWithParent) {
    let is_deposit = |tx: &Bytes| tx.first() == Some(&(OpTxType::Deposit as u8));
    if let Some(transactions) = &mut attributes.inner.transactions {
        transactions.retain(is_deposit);
    }
}

fn compare(
    number: u64,
    ours: &crate::Derived,
    theirs: &OpAttributesWithParent,
) -> Result<(), Difference> {
    let derived_from = theirs.derived_from.map(|l1| l1.number).unwrap_or_default();
    let value = serde_json::to_value(&theirs.inner).unwrap_or_default();
    let mut paths = differences("", &ours.attributes, &value);
    if derived_from != ours.derived_from {
        paths.push(format!(
            "derivedFrom: {} here, {derived_from} there",
            ours.derived_from
        ));
    }
    if theirs.is_last_in_span != ours.is_last_in_span {
        paths.push(format!(
            "isLastInSpan: {} here, {} there",
            ours.is_last_in_span, theirs.is_last_in_span
        ));
    }
    if paths.is_empty() {
        return Ok(());
    }
    Err(Difference::Attributes {
        number,
        derived_from,
        paths,
    })
}

/// Whether the block is what the attributes prescribe, as far as they do.
fn prescribes(
    number: u64,
    attributes: &OpAttributesWithParent,
    ours: &crate::Derived,
) -> Result<(), Difference> {
    let (header, inner) = (&ours.block.header, &attributes.inner);
    let prescribed = &inner.payload_attributes;
    let transactions: Vec<Bytes> = ours
        .block
        .body
        .transactions
        .iter()
        .map(|tx| tx.encoded_2718().into())
        .collect();
    let fields = [
        ("number", header.number == number),
        ("timestamp", header.timestamp == prescribed.timestamp),
        ("prevRandao", header.mix_hash == prescribed.prev_randao),
        (
            "fee recipient",
            header.beneficiary == prescribed.suggested_fee_recipient,
        ),
        (
            "parent beacon block root",
            header.parent_beacon_block_root == prescribed.parent_beacon_block_root,
        ),
        ("gas limit", Some(header.gas_limit) == inner.gas_limit),
        (
            "transactions",
            Some(&transactions) == inner.transactions.as_ref(),
        ),
    ];
    match fields.into_iter().find(|(_, same)| !same) {
        Some((field, _)) => Err(Difference::Block { number, field }),
        None => Ok(()),
    }
}

/// What the future comes to, which waits for nothing: all that kona asks for is in memory.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return value;
        }
    }
}
