//! Calls as contracts make them, on a world in memory, and indexes to call.

pub(super) use crate::{
    CommonErrors, MemoryHost, Outcome, gas as prices, merkle, page_address, sketch::draw,
};
pub(super) use alloy_primitives::{Address, B256, Bytes, keccak256};
pub(super) use alloy_sol_types::{SolError, SolEvent, SolValue};
pub(super) use openledger_primitives::predeploys::{HISTORY_STORAGE, PARAMETER_TIMELOCK};

use super::super::*;
use crate::{CallInput, call::call_precompile};

pub(super) const OWNER: Address = Address::repeat_byte(0xaa);
pub(super) const OTHER: Address = Address::repeat_byte(0xbb);
pub(super) const DATANET: B256 = B256::repeat_byte(0xda);
pub(super) const GAS: u64 = 2_000_000_000;
pub(super) const START: u64 = 1_000;

pub(super) fn host() -> MemoryHost {
    let mut host = MemoryHost::new();
    host.block_number = START;
    host.timestamp = 1_800_000_000;
    let slot = U256::from((START + 1) % 8_191);
    host.insert_slot(
        HISTORY_STORAGE,
        slot,
        U256::from_be_bytes(keccak256("hash").0),
    );
    host
}

pub(super) fn call_raw(
    host: &mut MemoryHost,
    caller: Address,
    is_static: bool,
    data: &[u8],
    gas: u64,
) -> Outcome {
    let input = CallInput {
        code_address: SPAN,
        target_address: SPAN,
        caller,
        value: U256::ZERO,
        is_static,
        data,
        gas,
    };
    let before = host.snapshot();
    let outcome = call_precompile(&PRECOMPILE, &input, host).unwrap();
    if !matches!(outcome, Outcome::Success { .. }) {
        host.restore(before);
    }
    outcome
}

/// Calls in a transaction of its own.
pub(super) fn call<C: SolCall>(
    host: &mut MemoryHost,
    caller: Address,
    call: &C,
) -> (Result<C::Return, Bytes>, u64) {
    let outcome = call_raw(host, caller, false, &call.abi_encode(), GAS);
    host.end_transaction();
    match outcome {
        Outcome::Success { gas_used, output } => (
            Ok(C::abi_decode_returns_validate(&output).unwrap()),
            gas_used,
        ),
        Outcome::Revert { gas_used, output } => (Err(output), gas_used),
        Outcome::OutOfGas => panic!("out of gas"),
    }
}

pub(super) fn returned<C: SolCall>(host: &mut MemoryHost, call: &C) -> C::Return {
    match self::call(host, OWNER, call).0 {
        Ok(value) => value,
        Err(data) => panic!("{data}"),
    }
}

pub(super) fn refused<C: SolCall>(host: &mut MemoryHost, call: &C) -> Bytes {
    self::call(host, OWNER, call).0.err().expect("accepted")
}

pub(super) fn error(error: impl SolError) -> Bytes {
    error.abi_encode().into()
}

/// Commits tokens and opens an index with k = 6, w = 8.
pub(super) fn open(host: &mut MemoryHost) -> (u64, u64) {
    host.block_number = START;
    let token_root = B256::repeat_byte(3);
    let id = returned(
        host,
        &IAttrSpan::commitTokensCall {
            datanet: DATANET,
            tokenRoot: token_root,
        },
    );
    host.block_number = START + 2;
    let salt = draw(keccak256("hash"), id);
    assert_eq!(returned(host, &open_call(salt)), id);
    (id, salt)
}

pub(super) fn open_call(salt: u64) -> IAttrSpan::openIndexCall {
    IAttrSpan::openIndexCall {
        datanet: DATANET,
        k: 6,
        w: 8,
        tokenizerHash: B256::repeat_byte(4),
        salt,
    }
}

pub(super) fn text(seed: u32, len: u32) -> Vec<u32> {
    (0..len)
        .map(|i| (i * 31 + seed * 977) % 4_099 + seed * 5_000)
        .collect()
}

/// Three documents in three clusters, the third with a piece of the first.
pub(super) fn entries(salt: u64) -> Vec<Entry> {
    let texts = [
        text(0, 400),
        text(1, 400),
        [&text(0, 400)[100..140], &text(2, 200)].concat(),
    ];
    let documents: Vec<Document<'_>> = (0u32..)
        .zip(&texts)
        .map(|(cluster, tokens)| Document {
            cluster: cluster * 3 + 1,
            locus: 10_000,
            tokens,
        })
        .collect();
    build_index(&documents, 6, 8, salt, u16::MAX).unwrap()
}

pub(super) fn query() -> Vec<u32> {
    [
        &[1, 2, 3][..],
        &text(0, 400)[80..200],
        &[9, 9],
        &text(1, 400)[50..90],
        &[4; 9],
    ]
    .concat()
}

pub(super) const PARAMETERS: SpanParameters = SpanParameters {
    k: 6,
    w: 8,
    df_cap: DF_CAP_DEFAULT,
    min_span: MIN_SPAN_DEFAULT,
};

pub(super) fn bytes(entries: &[Entry]) -> Bytes {
    entries.iter().flat_map(|entry| entry.to_bytes()).collect()
}

pub(super) fn native(host: &mut MemoryHost) -> (u64, Vec<Entry>, u64) {
    let (id, salt) = open(host);
    let entries = entries(salt);
    returned(
        host,
        &IAttrSpan::appendEntriesCall {
            id,
            entries: bytes(&entries),
        },
    );
    returned(host, &IAttrSpan::sealCall { id });
    host.block_number += 1;
    (id, entries, salt)
}

/// An index under a root, and its leaf hashes.
pub(super) struct Proved {
    pub(super) id: u64,
    pub(super) entries: Vec<Entry>,
    pub(super) leaves: Vec<B256>,
    pub(super) salt: u64,
}

impl Proved {
    pub(super) fn new(host: &mut MemoryHost, edit: impl FnOnce(&mut Vec<Entry>)) -> Self {
        let (id, salt) = open(host);
        let mut entries = entries(salt);
        edit(&mut entries);
        let leaves: Vec<B256> = (0..)
            .zip(&entries)
            .map(|(index, entry)| merkle::leaf(index, &entry.to_bytes()))
            .collect();
        let root = merkle::root(&leaves).unwrap();
        returned(
            host,
            &IAttrSpan::commitRootCall {
                id,
                root,
                leaves: leaves.len() as u32,
            },
        );
        returned(host, &IAttrSpan::sealCall { id });
        host.block_number += 1;
        Self {
            id,
            entries,
            leaves,
            salt,
        }
    }

    pub(super) fn hit(&self, pos: u32, leaf: u32) -> IAttrSpan::Hit {
        let entry = self.entries[leaf as usize];
        IAttrSpan::Hit {
            pos,
            fp: entry.fingerprint.try_into().unwrap(),
            cluster: entry.cluster,
            locus: entry.locus.try_into().unwrap(),
            leaf,
            proof: merkle::proof(&self.leaves, leaf as usize).unwrap(),
        }
    }

    /// All hits of `tokens`, in order.
    pub(super) fn hits(&self, tokens: &[u32]) -> Vec<IAttrSpan::Hit> {
        let mut hits = Vec::new();
        for (pos, hash) in (0u32..).zip(kgram_hashes(tokens, 6, self.salt)) {
            for (leaf, entry) in (0u32..).zip(&self.entries) {
                if entry.fingerprint == fingerprint(hash) {
                    hits.push(self.hit(pos, leaf));
                }
            }
        }
        hits
    }

    pub(super) fn score_call(&self, hits: Vec<IAttrSpan::Hit>) -> IAttrSpan::scoreSpansProvedCall {
        IAttrSpan::scoreSpansProvedCall {
            id: self.id,
            tokens: query(),
            hits,
            dfCap: 3,
            minSpan: 8,
        }
    }

    pub(super) fn omission_call(
        &self,
        claimed: Vec<IAttrSpan::Hit>,
        missing: IAttrSpan::Hit,
    ) -> IAttrSpan::provesOmissionCall {
        IAttrSpan::provesOmissionCall {
            id: self.id,
            tokens: query(),
            claimedHitsHash: keccak256(claimed.abi_encode()),
            claimed,
            missing,
        }
    }
}

pub(super) fn scores(clusters: Vec<u32>, tokens_won: Vec<u32>, covered: u32) -> SpanScores {
    SpanScores {
        tokens_won: clusters.into_iter().zip(tokens_won).collect(),
        covered,
    }
}
