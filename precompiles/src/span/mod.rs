//! SPAN, `0x…0A02`: which documents the tokens of an answer were copied from, by winnowed fingerprints.
//!
//! An index holds fingerprints of a datanet's documents: on chain in pages (native), or off chain under a
//! Merkle root (proved). Its salt is drawn from the chain after its tokens were committed to, since a salt
//! known before would let k-grams be crafted that collide. Then, in order:
//! `commitTokens`, `openIndex`, `appendEntries` or `commitRoot`, `seal`; from the next block on it can be
//! scored against.
//!
//! Invariants: a sealed index never changes; the entries of a native index ascend strictly; a score depends
//! on the index, the tokens and the two parameters alone. Start reading at [`SpanScorer`], then
//! `lifecycle.rs`; [`build_index`] is what an index is made with off chain.

mod build;
mod entry;
mod fingerprint;
mod gas;
mod interface;
mod lifecycle;
mod native;
mod proved;
mod score;
mod storage;
#[cfg(test)]
pub(crate) mod tests;
mod winnow;

pub use build::{BuildError, DOCUMENT_GAP_MIN, Document, K_RANGE, W_RANGE, build_index};
pub use entry::{ENTRY_BYTES, Entry, EntryTable, U48_MAX};
pub use fingerprint::{fingerprint, kgram_hash, kgram_hashes};
pub use interface::IAttrSpan;
pub use proved::ProvedHit;
pub use score::{CANDIDATES_MAX, SpanParameters, SpanScorer, SpanScores, score_spans};
pub(crate) use storage::datanet_and_seal;
pub use storage::{INDEXES_SLOT, Mode};
pub use winnow::winnow;

/// The salt of an index, drawn as the seed of a set is: from the hash of the block after the commitment's,
/// and the index's id.
pub use crate::sketch::draw as salt_of;

use crate::{Arguments, Context, PAGE_PAYLOAD_MAX, Precompile, SPAN, Stop};
use alloc::vec::Vec;
use alloy_primitives::U256;
use alloy_sol_types::SolCall;

/// Most tokens of a query. Calldata's limit is reached a little earlier, at 4,090.
pub const TOKENS_MAX: usize = 4_096;
/// Most hits of a claim. Calldata's limit is reached earlier: a hit without siblings takes 256 bytes.
pub const HITS_MAX: usize = 1_024;
/// Most pages of a native index.
pub const PAGES_MAX: usize = 64;
/// Entries on a full page.
pub const ENTRIES_PER_PAGE: usize = PAGE_PAYLOAD_MAX / ENTRY_BYTES;
/// Most entries of a native index.
pub const ENTRIES_MAX: usize = PAGES_MAX * ENTRIES_PER_PAGE;
/// The document-frequency cap that `provesOmission` scores with, and contracts should.
pub const DF_CAP_DEFAULT: u8 = 3;
/// The shortest span that `provesOmission` scores with, and contracts should.
pub const MIN_SPAN_DEFAULT: u16 = 8;

/// Hits of different documents never chain: a query is no longer than the gap between documents.
const _: () = assert!(TOKENS_MAX as u64 <= DOCUMENT_GAP_MIN);
/// The largest index has the 98k entries that the specification counts with.
const _: () = assert!(ENTRIES_PER_PAGE == 1_535 && ENTRIES_MAX == 98_240);

/// SPAN, for the table of precompiles. Challenges and the getter can't be paused: a fault must stay
/// provable while scoring stands still.
pub(crate) const PRECOMPILE: Precompile = Precompile {
    address: SPAN,
    pausable: &[
        IAttrSpan::commitTokensCall::SELECTOR,
        IAttrSpan::openIndexCall::SELECTOR,
        IAttrSpan::appendEntriesCall::SELECTOR,
        IAttrSpan::commitRootCall::SELECTOR,
        IAttrSpan::sealCall::SELECTOR,
        IAttrSpan::scoreSpansCall::SELECTOR,
        IAttrSpan::scoreSpansProvedCall::SELECTOR,
    ],
    run,
};

fn run(context: &mut Context<'_>, selector: [u8; 4], data: &[u8]) -> Result<Vec<u8>, Stop> {
    match selector {
        IAttrSpan::commitTokensCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 2)?;
            let (datanet, token_root) = (arguments.bytes32()?, arguments.bytes32()?);
            arguments.finish()?;
            begin_write(context, selector)?;
            let id = lifecycle::commit_tokens(context, datanet, token_root)?;
            Ok(IAttrSpan::commitTokensCall::abi_encode_returns(&id))
        }
        IAttrSpan::openIndexCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 5)?;
            let datanet = arguments.bytes32()?;
            let (k, w) = (arguments.uint8()?, arguments.uint8()?);
            let (tokenizer_hash, salt) = (arguments.bytes32()?, arguments.uint64()?);
            arguments.finish()?;
            begin_write(context, selector)?;
            let id = lifecycle::open_index(context, datanet, k, w, tokenizer_hash, salt)?;
            Ok(IAttrSpan::openIndexCall::abi_encode_returns(&id))
        }
        IAttrSpan::appendEntriesCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 2)?;
            let (id, entries) = (arguments.uint64()?, arguments.bytes()?);
            arguments.finish()?;
            begin_write(context, selector)?;
            lifecycle::append_entries(context, id, entries)?;
            Ok(Vec::new())
        }
        IAttrSpan::commitRootCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 3)?;
            let (id, root) = (arguments.uint64()?, arguments.bytes32()?);
            let leaves = arguments.uint32()?;
            arguments.finish()?;
            begin_write(context, selector)?;
            lifecycle::commit_root(context, id, root, leaves)?;
            Ok(Vec::new())
        }
        IAttrSpan::sealCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 1)?;
            let id = arguments.uint64()?;
            arguments.finish()?;
            begin_write(context, selector)?;
            lifecycle::seal(context, id)?;
            Ok(Vec::new())
        }
        IAttrSpan::scoreSpansCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 4)?;
            let (id, tokens) = (arguments.uint64()?, arguments.uint32_array()?);
            let (df_cap, min_span) = (arguments.uint8()?, arguments.uint16()?);
            arguments.finish()?;
            context.require_not_paused(selector)?;
            let scores = native::score_spans(context, id, &tokens, df_cap, min_span)?;
            let (cluster, tokens_won) = scores.tokens_won.into_iter().unzip();
            Ok(IAttrSpan::scoreSpansCall::abi_encode_returns(
                &IAttrSpan::scoreSpansReturn {
                    cluster,
                    tokensWon: tokens_won,
                    covered: scores.covered,
                },
            ))
        }
        IAttrSpan::scoreSpansProvedCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 5)?;
            let (id, tokens) = (arguments.uint64()?, arguments.uint32_array()?);
            let hits = read_hits(&mut arguments)?;
            let (df_cap, min_span) = (arguments.uint8()?, arguments.uint16()?);
            arguments.finish()?;
            context.require_not_paused(selector)?;
            let scores = proved::score_spans_proved(context, id, &tokens, &hits, df_cap, min_span)?;
            let (cluster, tokens_won) = scores.tokens_won.into_iter().unzip();
            Ok(IAttrSpan::scoreSpansProvedCall::abi_encode_returns(
                &IAttrSpan::scoreSpansProvedReturn {
                    cluster,
                    tokensWon: tokens_won,
                    covered: scores.covered,
                },
            ))
        }
        IAttrSpan::provesOmissionCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 5)?;
            let (id, tokens) = (arguments.uint64()?, arguments.uint32_array()?);
            let claimed_hash = arguments.bytes32()?;
            let claimed = read_hits(&mut arguments)?;
            let missing = arguments.tuple(proved::HIT_HEAD_WORDS, ProvedHit::read)?;
            arguments.finish()?;
            let omission = proved::Omission {
                tokens: &tokens,
                claimed_hash,
                claimed_bytes: tail_between(data, 3)?,
                claimed: &claimed,
                missing: &missing,
            };
            let proven = proved::proves_omission(context, id, &omission)?;
            Ok(IAttrSpan::provesOmissionCall::abi_encode_returns(&proven))
        }
        IAttrSpan::provesDisorderCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 3)?;
            let id = arguments.uint64()?;
            let lower = arguments.tuple(proved::HIT_HEAD_WORDS, ProvedHit::read)?;
            let upper = arguments.tuple(proved::HIT_HEAD_WORDS, ProvedHit::read)?;
            arguments.finish()?;
            let proven = proved::proves_disorder(context, id, &lower, &upper)?;
            Ok(IAttrSpan::provesDisorderCall::abi_encode_returns(&proven))
        }
        IAttrSpan::headerCall::SELECTOR => {
            let mut arguments = Arguments::new(data, 1)?;
            let id = arguments.uint64()?;
            arguments.finish()?;
            let header = storage::read_header(context, id)?;
            Ok(IAttrSpan::headerCall::abi_encode_returns(&header))
        }
        _ => Err(Stop::bad_abi()),
    }
}

/// What a function that writes state checks first.
fn begin_write(context: &mut Context<'_>, selector: [u8; 4]) -> Result<(), Stop> {
    context.require_writable()?;
    context.require_not_paused(selector)
}

fn read_hits(arguments: &mut Arguments<'_>) -> Result<Vec<ProvedHit>, crate::MalformedAbi> {
    arguments.tuple_array(proved::HIT_HEAD_WORDS, ProvedHit::read)
}

/// The tail of the dynamic member at head word `member` of arguments that were read already: up to where
/// the tail of the next member, dynamic as well, begins.
fn tail_between(data: &[u8], member: usize) -> Result<&[u8], Stop> {
    let (words, _) = data.as_chunks::<32>();
    let offset = |member: usize| {
        let word = words.get(member)?;
        usize::try_from(U256::from_be_bytes(*word)).ok()
    };
    offset(member)
        .zip(offset(member.saturating_add(1)))
        .and_then(|(from, to)| data.get(from..to))
        .ok_or_else(Stop::bad_abi)
}

fn require_tokens(tokens: usize) -> Result<(), Stop> {
    if tokens > TOKENS_MAX {
        return Err(Stop::revert(IAttrSpan::TooManyTokens {
            tokens: U256::from(tokens),
            max: U256::from(TOKENS_MAX),
        }));
    }
    Ok(())
}
