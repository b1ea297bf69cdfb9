//! Headers: uploading one as code pages, and reading the one of a registration.

use super::{
    HEADER_LEN_MAX, UPLOAD_LEN_MAX,
    interface::{ILoraRegistry::uploadHeaderCall, LoraErrors},
    price,
    storage::{self, Upload},
};
use crate::{Arguments, Context, MalformedAbi, PAGE_PAYLOAD_MAX, Stop, gas};
use alloc::{borrow::Cow, vec::Vec};
use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolCall;

/// Writes the next page of the caller's header; part 0 begins it, anew if it was begun before. All parts
/// but the last fill their page. Only the same caller registers with it, so that nobody spoils another's.
pub(super) fn upload_header(context: &mut Context<'_>, arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let (header_hash, part, chunk) = read(arguments)?;
    context.require_writable()?;
    context.require_not_paused(uploadHeaderCall::SELECTOR)?;
    if chunk.is_empty() || chunk.len() > PAGE_PAYLOAD_MAX {
        return Err(Stop::revert(LoraErrors::BadChunkLength {
            length: chunk.len() as u64,
        }));
    }
    let uploader = context.caller();
    let mut upload = storage::load_upload(context, uploader, header_hash)?;
    if part == 0 {
        let mut counters = storage::load_counters(context)?;
        counters.last_upload = counters.last_upload.saturating_add(1);
        storage::store_counters(context, counters)?;
        upload = Upload {
            set_id: counters.last_upload,
            parts: 0,
            length: 0,
        };
    }
    if part != upload.parts {
        return Err(Stop::revert(LoraErrors::BadPart {
            expected: upload.parts,
        }));
    }
    if !(upload.length as usize).is_multiple_of(PAGE_PAYLOAD_MAX) {
        return Err(Stop::revert(LoraErrors::PartialPage {
            part: part.saturating_sub(1),
        }));
    }
    // A chunk is no longer than a page.
    let length = upload.length.saturating_add(chunk.len() as u32);
    check_length(length as usize, UPLOAD_LEN_MAX)?;
    context.write_page(upload.set_id, part, chunk)?;
    let upload = Upload {
        parts: part.saturating_add(1),
        length,
        ..upload
    };
    storage::store_upload(context, uploader, header_hash, upload)?;
    Ok(Vec::new())
}

fn read(arguments: &[u8]) -> Result<(B256, u32, &[u8]), MalformedAbi> {
    let mut members = Arguments::new(arguments, 3)?;
    let read = (members.bytes32()?, members.uint32()?, members.bytes()?);
    members.finish()?;
    Ok(read)
}

/// The header of a registration, whose hash is `header_hash`: the one in calldata or, if that is empty,
/// the one that the caller uploaded. Its parsing and hashing are paid for first.
pub(super) fn load<'a>(
    context: &mut Context<'_>,
    header_hash: B256,
    calldata: &'a [u8],
) -> Result<Cow<'a, [u8]>, Stop> {
    let header = if calldata.is_empty() {
        let uploader = context.caller();
        let upload = storage::load_upload(context, uploader, header_hash)?;
        if upload.parts == 0 {
            return Err(Stop::revert(LoraErrors::HeaderNotUploaded {
                headerHash: header_hash,
            }));
        }
        let length = upload.length as usize;
        charge(context, length)?;
        let mut header = Vec::with_capacity(length);
        for part in 0..upload.parts {
            let rest = length.saturating_sub(header.len());
            let page = context.read_page(upload.set_id, part, rest.min(PAGE_PAYLOAD_MAX))?;
            header.extend_from_slice(&page);
        }
        Cow::Owned(header)
    } else {
        check_length(calldata.len(), HEADER_LEN_MAX)?;
        charge(context, calldata.len())?;
        Cow::Borrowed(calldata)
    };
    let actual = keccak256(&header);
    if actual != header_hash {
        return Err(Stop::revert(LoraErrors::HeaderHashMismatch { actual }));
    }
    Ok(header)
}

fn check_length(length: usize, max: usize) -> Result<(), Stop> {
    if length > max {
        return Err(Stop::revert(LoraErrors::HeaderTooLong {
            length: length as u64,
            max: max as u64,
        }));
    }
    Ok(())
}

fn charge(context: &mut Context<'_>, length: usize) -> Result<(), Stop> {
    let length = length as u64;
    context.charge(length.saturating_mul(price::HEADER_BYTE))?;
    context.charge(gas::words(length).saturating_mul(price::HASH_WORD))
}
