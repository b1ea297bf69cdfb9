use super::{
    Access::{self, Cold, Warm},
    Case, DATANET, HASH, World,
};
use alloc::{vec, vec::Vec};
use alloy_primitives::{B256, keccak256};
use alloy_sol_types::SolValue;
use openledger_precompiles::{
    SPAN,
    hash::sm64,
    merkle,
    span::{
        CANDIDATES_MAX, ENTRIES_MAX, ENTRIES_PER_PAGE, Entry, IAttrSpan as Span, U48_MAX,
        fingerprint, kgram_hash, salt_of,
    },
};

/// Most tokens that fit in the calldata.
const TOKENS_MAX: usize = 4_090;
/// Hits with twelve siblings that fit beside 400 tokens.
const PROVED_HITS: u32 = 180;
/// Hits without siblings that fit beside 500 tokens.
const BARE_HITS: u32 = 440;

pub(super) const CASES: &[(&str, fn() -> Case)] = &[
    ("scoreSpans, one page, no tokens", || {
        spans(6, 8, ENTRIES_PER_PAGE, 1, 3, 0, false, Warm)
    }),
    ("scoreSpans, one page, nothing found", || {
        spans(6, 8, ENTRIES_PER_PAGE, 1, 3, TOKENS_MAX, false, Warm)
    }),
    ("scoreSpans, 64 pages, nothing found", || {
        spans(4, 2, ENTRIES_MAX, 1, 3, TOKENS_MAX, false, Warm)
    }),
    ("scoreSpans, 64 pages, nothing found, cold", || {
        spans(4, 2, ENTRIES_MAX, 1, 3, TOKENS_MAX, false, Cold)
    }),
    ("scoreSpans, 64 pages, k 12", || {
        spans(12, 32, ENTRIES_MAX, 1, 3, TOKENS_MAX, false, Warm)
    }),
    ("scoreSpans, 64 pages, 64 hits a token, one cluster", || {
        spans(12, 32, ENTRIES_MAX, 1, 255, TOKENS_MAX, true, Warm)
    }),
    ("scoreSpans, 64 pages, 64 hits a token, 64 clusters", || {
        spans(4, 2, ENTRIES_MAX, 64, 255, TOKENS_MAX, true, Warm)
    }),
    (
        "scoreSpans, 64 pages, 64 clusters a token, one too many",
        || spans(4, 2, ENTRIES_MAX, 64, 63, TOKENS_MAX, true, Warm),
    ),
    ("scoreSpansProved, 180 hits", || {
        let (world, tokens, hits) = proved(400, PROVED_HITS, 3_000);
        let score = Span::scoreSpansProvedCall {
            id: 1,
            tokens,
            hits,
            dfCap: 3,
            minSpan: 8,
        };
        Case::view(world, SPAN, &score, Warm)
    }),
    ("provesOmission, 179 hits with siblings", || {
        omission(400, PROVED_HITS, 3_000)
    }),
    ("provesOmission, 439 bare hits", || {
        omission(500, BARE_HITS, 0)
    }),
    ("provesDisorder, 12 siblings", || {
        disorder(400, PROVED_HITS, 3_000)
    }),
    ("commitTokens", || {
        Case::write(World::new(), SPAN, &commit_tokens())
    }),
    ("openIndex", || {
        let mut world = World::new();
        world.call(SPAN, &commit_tokens());
        world.skip_blocks(2);
        Case::write(world, SPAN, &open_index(6, 8))
    }),
    ("commitRoot", || {
        let commit = Span::commitRootCall {
            id: 1,
            root: DATANET,
            leaves: 7,
        };
        Case::write(opened(6, 8).0, SPAN, &commit)
    }),
    ("SPAN's seal", || {
        let mut world = opened(6, 8).0;
        let append = Span::appendEntriesCall {
            id: 1,
            entries: entries_bytes(&some_entries(3)).into(),
        };
        world.call(SPAN, &append);
        Case::write(world, SPAN, &Span::sealCall { id: 1 })
    }),
    ("SPAN's header", || {
        let header = Span::headerCall { id: 1 };
        Case::view(opened(6, 8).0, SPAN, &header, Warm)
    }),
    ("scoreSpans, 100 entries, 100 tokens", || {
        spans(4, 2, 100, 2, 3, 100, true, Warm)
    }),
    ("scoreSpansProved, 10 hits", || {
        let (world, tokens, hits) = proved(20, 10, 5);
        let score = Span::scoreSpansProvedCall {
            id: 1,
            tokens,
            hits,
            dfCap: 3,
            minSpan: 8,
        };
        Case::view(world, SPAN, &score, Warm)
    }),
    ("provesOmission, 9 hits", || omission(20, 10, 5)),
    ("provesDisorder, 4 siblings", || disorder(20, 10, 5)),
    ("appendEntries, 3", || {
        let append = Span::appendEntriesCall {
            id: 1,
            entries: entries_bytes(&some_entries(3)).into(),
        };
        Case::write(opened(6, 8).0, SPAN, &append)
    }),
    ("appendEntries, 5 pages", || {
        let (world, _) = opened(6, 8);
        let entries = entries_bytes(&some_entries(5 * ENTRIES_PER_PAGE));
        let append = Span::appendEntriesCall {
            id: 1,
            entries: entries.into(),
        };
        Case::write(world, SPAN, &append)
    }),
];

const fn commit_tokens() -> Span::commitTokensCall {
    Span::commitTokensCall {
        datanet: DATANET,
        tokenRoot: DATANET,
    }
}

fn open_index(k: u8, w: u8) -> Span::openIndexCall {
    Span::openIndexCall {
        datanet: DATANET,
        k,
        w,
        tokenizerHash: DATANET,
        salt: salt_of(HASH, 1),
    }
}

/// A world with an opened index, whose id is 1; its salt.
fn opened(k: u8, w: u8) -> (World, u64) {
    let mut world = World::new();
    world.call(SPAN, &commit_tokens());
    world.skip_blocks(2);
    world.call(SPAN, &open_index(k, w));
    (world, salt_of(HASH, 1))
}

fn entries_bytes(entries: &[Entry]) -> Vec<u8> {
    entries.iter().flat_map(|entry| entry.to_bytes()).collect()
}

fn some_entries(count: usize) -> Vec<Entry> {
    let mut entries: Vec<Entry> = (0..count as u64)
        .map(|i| Entry {
            fingerprint: sm64(4, i) & U48_MAX,
            cluster: i as u32,
            locus: i,
        })
        .collect();
    entries.sort_unstable();
    entries
}

/// `count` tokens against a native index with [`CANDIDATES_MAX`] entries that every position of a
/// repeated token matches, spread over `clusters`, and the rest somewhere.
fn spans(
    k: u8,
    w: u8,
    entries: usize,
    clusters: u32,
    df_cap: u8,
    count: usize,
    repeats: bool,
    access: Access,
) -> Case {
    let (mut world, salt) = opened(k, w);
    let repeated = fingerprint(kgram_hash(&vec![7; usize::from(k)], salt));
    let mut all = some_entries(entries.saturating_sub(CANDIDATES_MAX));
    all.extend((0..CANDIDATES_MAX as u32).map(|i| Entry {
        fingerprint: repeated,
        cluster: i % clusters,
        locus: u64::from(i) * 7,
    }));
    all.sort_unstable();
    all.dedup();
    for pages in all.chunks(5 * ENTRIES_PER_PAGE) {
        let append = Span::appendEntriesCall {
            id: 1,
            entries: entries_bytes(pages).into(),
        };
        world.call(SPAN, &append);
    }
    world.call(SPAN, &Span::sealCall { id: 1 });
    world.skip_blocks(1);
    let token = |i: usize| if repeats { 7 } else { sm64(5, i as u64) as u32 };
    let score = Span::scoreSpansCall {
        id: 1,
        tokens: (0..count).map(token).collect(),
        dfCap: df_cap,
        minSpan: 0,
    };
    Case::view(world, SPAN, &score, access)
}

/// A world with a sealed index of `count` hits, one a position, and `others`; the query and the hits with
/// their proofs.
fn proved(tokens: u32, count: u32, others: u64) -> (World, Vec<u32>, Vec<Span::Hit>) {
    let (mut world, salt) = opened(6, 8);
    let tokens: Vec<u32> = (0..tokens).collect();
    let mut entries: Vec<(u32, Entry)> = (0..count)
        .map(|position| {
            let from = position as usize;
            let entry = Entry {
                fingerprint: fingerprint(kgram_hash(&tokens[from..from + 6], salt)),
                cluster: position % 3,
                locus: u64::from(position),
            };
            (position, entry)
        })
        .collect();
    entries.extend((0..others).map(|i| {
        let entry = Entry {
            fingerprint: sm64(6, i) & U48_MAX,
            cluster: 9,
            locus: i,
        };
        (u32::MAX, entry)
    }));
    entries.sort_unstable_by_key(|(_, entry)| *entry);
    let leaves: Vec<B256> = (0..)
        .zip(&entries)
        .map(|(index, (_, entry))| merkle::leaf(index, &entry.to_bytes()))
        .collect();
    let commit = Span::commitRootCall {
        id: 1,
        root: merkle::root(&leaves).expect("there are leaves"),
        leaves: leaves.len() as u32,
    };
    world.call(SPAN, &commit);
    world.call(SPAN, &Span::sealCall { id: 1 });
    world.skip_blocks(1);
    let mut hits: Vec<Span::Hit> = (0u32..)
        .zip(&entries)
        .filter(|(_, (position, _))| *position != u32::MAX)
        .map(|(leaf, (position, entry))| Span::Hit {
            pos: *position,
            fp: entry.fingerprint.try_into().expect("48 bits"),
            cluster: entry.cluster,
            locus: entry.locus.try_into().expect("48 bits"),
            leaf,
            proof: merkle::proof(&leaves, leaf as usize).expect("it is a leaf"),
        })
        .collect();
    hits.sort_unstable_by_key(|hit| (hit.pos, hit.leaf));
    (world, tokens, hits)
}

/// Proofs within the claim aren't verified: without siblings most hits fit.
fn omission(tokens: u32, count: u32, others: u64) -> Case {
    let (world, tokens, mut hits) = proved(tokens, count, others);
    let missing = hits.remove(hits.len() / 2);
    if others == 0 {
        hits.iter_mut().for_each(|hit| hit.proof.clear());
    }
    let call = Span::provesOmissionCall {
        id: 1,
        tokens,
        claimedHitsHash: keccak256(hits.abi_encode()),
        claimed: hits,
        missing,
    };
    Case::view(world, SPAN, &call, Warm)
}

/// Two leaves that follow each other, in order.
fn disorder(tokens: u32, count: u32, others: u64) -> Case {
    let (world, _, mut leaves) = proved(tokens, count, others);
    leaves.sort_unstable_by_key(|hit| hit.leaf);
    let at = leaves
        .windows(2)
        .position(|pair| pair[0].leaf + 1 == pair[1].leaf)
        .expect("two neighbours among the hits");
    let call = Span::provesDisorderCall {
        id: 1,
        leafA: leaves[at].clone(),
        leafB: leaves[at + 1].clone(),
    };
    Case::view(world, SPAN, &call, Warm)
}

/// A claim of `count` hits without siblings.
pub(super) fn empty_hits(count: usize) -> Span::scoreSpansProvedCall {
    let hit = Span::Hit {
        pos: 0,
        fp: Default::default(),
        cluster: 0,
        locus: Default::default(),
        leaf: 0,
        proof: vec![],
    };
    Span::scoreSpansProvedCall {
        id: 1,
        tokens: vec![0; 100],
        hits: vec![hit; count],
        dfCap: 3,
        minSpan: 8,
    }
}
