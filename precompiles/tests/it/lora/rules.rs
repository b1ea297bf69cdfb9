//! A registration's rules.

use super::*;

#[test]
fn a_registration_is_recorded_as_it_was_given() {
    let (mut world, base) = world_with_base();
    let draft = draft(base, 1).parents(&[(base, 1_000)]).with(|adapter| {
        adapter.absBps = 250;
        adapter.chunkLog2 = 20;
        adapter.version = 7;
        adapter.alpha = 65_535;
    });
    let id = register(&mut world, &draft).unwrap();
    assert_eq!(id, 2);
    let registered = AdapterRegistered {
        id,
        base,
        developer: DEVELOPER,
        headerHash: draft.adapter.headerHash,
        dataRoot: draft.adapter.dataRoot,
        params: 4 * 32,
    };
    let edge = LineageEdge {
        child: id,
        parent: base,
        relBps: 1_000,
    };
    let logs: Vec<_> = world.logs.iter().map(|log| log.data.clone()).collect();
    assert_eq!(logs, [registered.encode_log_data(), edge.encode_log_data()]);
    let got = get(&mut world, id);
    assert_eq!(got.adapter, draft.adapter);
    assert_eq!((got.params, got.depth, got.ancestors), (128, 1, 1));
    assert_eq!(
        view(
            &mut world,
            &byBaseCall {
                base,
                cursor: 0,
                n: 9
            }
        ),
        vec![id]
    );
}

/// The storage is laid out as the Solidity declaration says.
#[test]
fn storage_is_where_solidity_would_put_it() {
    let (mut world, base) = world_with_base();
    let draft = draft(base, 1)
        .parents(&[(base, 1_000)])
        .with(|adapter| adapter.version = 3);
    let id = register(&mut world, &draft).unwrap();
    let mapping = |key: U256, slot: u64| {
        U256::from_be_bytes(keccak256((key, U256::from(slot)).abi_encode()).0)
    };
    let adapter = mapping(U256::from(id), 4);
    let peek = |slot: U256| world.host.peek(LORA, slot);
    // Counters: last id, last commitment, last upload.
    assert_eq!(peek(U256::from(1)), U256::from_limbs([2, 1, 0, 0]));
    // Node: kind 2, active, depth 1, one parent, none trained on, one ancestor, no share, its base.
    let node = uint!(0x0000000000000001_0000_0001_00_01_01_00_02_U256);
    assert_eq!(peek(mapping(U256::from(id), 2)), node);
    // rank 4, alpha 16, mask 1, layers 0 to 1, dtype 2, chunks of 2^12, 256 bytes, 128 parameters.
    let facts =
        uint!(0x0000000000000080_0000000000000100_0c_02_0001_0000_00000001_00000010_0004_U256);
    assert_eq!(peek(adapter), facts);
    let owner = U256::from_be_bytes(DEVELOPER.into_word().0) | U256::from(3) << 160;
    assert_eq!(peek(adapter + U256::from(1)), owner);
    assert_eq!(
        B256::from(peek(adapter + U256::from(2))),
        draft.adapter.headerHash
    );
    assert_eq!(
        B256::from(peek(adapter + U256::from(3))),
        draft.adapter.dataRoot
    );
    assert_eq!(
        B256::from(peek(adapter + U256::from(4))),
        draft.adapter.licence
    );
    assert_eq!(
        peek(adapter + U256::from(5)),
        U256::from(base << 16 | 1_000)
    );
    // The base's second module: 16 to 8, a path of 16 bytes in the low 23.
    let second = mapping(U256::from(base), 3) + U256::from(6 + 3);
    let mut word = [0u8; 32];
    word[..9].copy_from_slice(&[0, 0, 0, 8, 0, 0, 0, 16, 16]);
    word[9..25].copy_from_slice(b"self_attn.v_proj");
    assert_eq!(peek(second), U256::from_be_bytes(word));
    let first = mapping(U256::from(base), 3);
    let payee = U256::from_be_bytes(PARAMETER_TIMELOCK.into_word().0);
    assert_eq!(
        peek(first),
        payee | U256::from(4) << 160 | U256::from(2) << 176 | U256::from(30) << 184
    );
    // adaptersByBase
    let list = mapping(U256::from(base), 5);
    assert_eq!(peek(list), U256::from(1));
    let elements = U256::from_be_bytes(keccak256(list.to_be_bytes::<32>()).0);
    assert_eq!(peek(elements), U256::from(id));
}

/// Paths and prefixes of every length come back from storage.
#[test]
fn long_names_are_kept() {
    let mut world = World::new();
    for (seed, len) in [1usize, 22, 23, 24, 54, 55, 56, 63, 64]
        .into_iter()
        .enumerate()
    {
        let path = "abcdefghij".repeat(7)[..len].to_string();
        let mut base = base(2, 0, vec![module("x", 9, 9), module(&path, 8, 8)]);
        base.namePrefix = path.replace('a', "A").into_bytes().into();
        let id = register_base(&mut world, base.clone());
        let draft = draft_for(id, &base, 0b10, 0..2, 3, seed as u64);
        assert!(register(&mut world, &draft).is_ok(), "{len}");
    }
    // No prefix at all.
    let mut base = base(1, 0, vec![module("x", 9, 9)]);
    base.namePrefix = Bytes::new();
    let id = register_base(&mut world, base.clone());
    assert!(register(&mut world, &draft_for(id, &base, 1, 0..1, 3, 99)).is_ok());
}

#[test]
fn each_rule_refuses_with_its_own_error() {
    let (mut world, base) = world_with_base();
    let other_base = register_base(&mut world, small_base(0));
    let parent = register(&mut world, &draft(base, 100)).unwrap();
    let disputed = register(&mut world, &draft(base, 101)).unwrap();
    let dispute = setStatusCall {
        id: disputed,
        status: 2,
    };
    call(&mut world, PARAMETER_TIMELOCK, &dispute).unwrap();
    let foreign = register(&mut world, &draft(other_base, 102)).unwrap();
    let theirs = draft(base, 103).with(|adapter| {
        adapter.developer = OTHER;
        adapter.version = 5;
    });
    let theirs = register(&mut world, &theirs).unwrap();
    let next = theirs + 1;

    let mut seed = 1_000;
    let mut refuse = |change: &dyn Fn(Draft) -> Draft, error: Vec<u8>| {
        seed += 1;
        let draft = change(draft(base, seed));
        let data = register(&mut world, &draft).unwrap_err();
        assert_eq!(data, error);
    };
    let mut rule = |change: fn(&mut Adapter), error| refuse(&|draft| draft.with(change), error);

    // Existence and authority.
    rule(
        |adapter| adapter.base = 99,
        UnknownBase { id: 99 }.abi_encode(),
    );
    rule(
        |adapter| adapter.base = 3,
        UnknownBase { id: 3 }.abi_encode(),
    );
    // Rule 1.
    let mask = |mask| BadModuleMask { mask, modules: 2 }.abi_encode();
    rule(|adapter| adapter.moduleMask = 0, mask(0));
    rule(|adapter| adapter.moduleMask = 0b101, mask(0b101));
    rule(|adapter| adapter.moduleMask = 1 << 31, mask(1 << 31));
    let layers = |from, to| {
        BadLayerRange {
            layerFrom: from,
            layerTo: to,
            layers: 4,
        }
        .abi_encode()
    };
    rule(|adapter| adapter.layerFrom = 1, layers(1, 1));
    rule(|adapter| adapter.layerTo = 5, layers(0, 5));
    rule(
        |adapter| adapter.rank = 0,
        BadRank {
            rank: 0,
            max: 1_024,
        }
        .abi_encode(),
    );
    rule(
        |adapter| adapter.rank = 1_025,
        BadRank {
            rank: 1_025,
            max: 1_024,
        }
        .abi_encode(),
    );
    rule(
        |adapter| adapter.rank = 17,
        BadRank { rank: 17, max: 16 }.abi_encode(),
    );
    rule(
        |adapter| (adapter.rank, adapter.moduleMask) = (9, 0b11),
        BadRank { rank: 9, max: 8 }.abi_encode(),
    );
    rule(
        |adapter| adapter.alpha = 0,
        BadAlpha { alpha: 0 }.abi_encode(),
    );
    rule(
        |adapter| adapter.alpha = 65_536,
        BadAlpha { alpha: 65_536 }.abi_encode(),
    );
    // Rules 2 and 3; the parts' own tests have every kind.
    let hash = draft(base, 0).adapter.headerHash;
    rule(
        |adapter| adapter.headerHash = B256::ZERO,
        HeaderHashMismatch { actual: hash }.abi_encode(),
    );
    rule(
        |adapter| adapter.dtype = 3,
        BadDtype { dtype: 3 }.abi_encode(),
    );
    rule(
        |adapter| adapter.dtype = 1,
        TensorDtype { at: 8 + 32 }.abi_encode(),
    );
    rule(
        |adapter| adapter.dataLen = 255,
        DataLenMismatch {
            expected: 255,
            actual: 256,
        }
        .abi_encode(),
    );
    // Rule 5.
    rule(
        |adapter| adapter.chunkLog2 = 11,
        BadChunkSize { chunkLog2: 11 }.abi_encode(),
    );
    rule(
        |adapter| adapter.chunkLog2 = 21,
        BadChunkSize { chunkLog2: 21 }.abi_encode(),
    );
    // Rule 6; real sets have a test of their own.
    let train = |sketch, span, weight| Train {
        datanet: B256::repeat_byte(9),
        sketchSet: sketch,
        spanIndex: span,
        weightBps: weight,
    };
    refuse(
        &|draft| draft.with(|adapter| adapter.train = vec![train(1, 0, 625); 17]),
        TooManyTrains { count: 17 }.abi_encode(),
    );
    refuse(
        &|draft| draft.with(|adapter| adapter.train = vec![train(0, 0, 10_000)]),
        TrainUnnamed { index: 0 }.abi_encode(),
    );
    refuse(
        &|draft| draft.with(|adapter| adapter.train = vec![train(5, 0, 10_000)]),
        UnknownSketchSet { id: 5 }.abi_encode(),
    );
    refuse(
        &|draft| draft.with(|adapter| adapter.train = vec![train(0, 6, 10_000)]),
        UnknownSpanIndex { id: 6 }.abi_encode(),
    );
    // Rule 7.
    let mut parents = |parents: &[(u64, u16)], error| {
        refuse(&|draft| draft.parents(parents), error);
    };
    parents(&[(parent, 1); 9], TooManyParents { count: 9 }.abi_encode());
    parents(
        &[(parent, 1), (base, 1), (parent, 1)],
        DuplicateParent { id: parent }.abi_encode(),
    );
    parents(&[(next, 1)], UnknownParent { id: next }.abi_encode());
    parents(&[(0, 1)], UnknownParent { id: 0 }.abi_encode());
    parents(
        &[(disputed, 1)],
        ParentDisputed { id: disputed }.abi_encode(),
    );
    parents(
        &[(parent, 6_000), (base, 4_001)],
        ParentShares { sum: 10_001 }.abi_encode(),
    );
    parents(
        &[(foreign, 1)],
        ParentBaseMismatch {
            id: foreign,
            base: other_base,
        }
        .abi_encode(),
    );
    parents(
        &[(other_base, 1)],
        ParentBaseMismatch {
            id: other_base,
            base: other_base,
        }
        .abi_encode(),
    );
    // Rule 9.
    for id in [base, next, 99] {
        refuse(
            &|draft| draft.with(|adapter| adapter.supersedes = id),
            UnknownSuperseded { id }.abi_encode(),
        );
    }
    refuse(
        &|draft| draft.with(|adapter| (adapter.supersedes, adapter.version) = (theirs, 6)),
        SupersededDeveloper { developer: OTHER }.abi_encode(),
    );
    refuse(
        &|draft| draft.with(|adapter| (adapter.supersedes, adapter.version) = (parent, 1)),
        SupersededVersion { version: 1 }.abi_encode(),
    );
    let newer = draft(base, 2_000).with(|adapter| {
        (adapter.supersedes, adapter.version) = (parent, 2);
    });
    assert_eq!(register(&mut world, &newer).unwrap(), next);
}

/// What is wrong first in the order of the rules is what is answered.
#[test]
fn the_rules_are_checked_in_their_order() {
    let (mut world, base) = world_with_base();
    // Breaks every rule; each fix reveals the next.
    let mut broken = draft(base, 1).parents(&[(77, 1)]).with(|adapter| {
        adapter.base = 50;
        adapter.moduleMask = 0;
        adapter.layerTo = 9;
        adapter.rank = 0;
        adapter.alpha = 0;
        adapter.headerHash = B256::ZERO;
        adapter.dtype = 9;
        adapter.dataLen = 1;
        adapter.chunkLog2 = 0;
        adapter.supersedes = 40;
        adapter.developer = OTHER;
        adapter.train = vec![Train {
            datanet: B256::ZERO,
            sketchSet: 3,
            spanIndex: 0,
            weightBps: 1,
        }];
    });
    let good = draft(base, 1);
    let fixes: [(fn(&mut Adapter, &Adapter), [u8; 4]); 13] = [
        (|a, g| a.base = g.base, selector::<UnknownBase>()),
        (
            |a, g| a.developer = g.developer,
            selector::<DeveloperMismatch>(),
        ),
        (
            |a, g| a.moduleMask = g.moduleMask,
            selector::<BadModuleMask>(),
        ),
        (|a, g| a.layerTo = g.layerTo, selector::<BadLayerRange>()),
        (|a, g| a.rank = g.rank, selector::<BadRank>()),
        (|a, g| a.alpha = g.alpha, selector::<BadAlpha>()),
        (
            |a, g| a.headerHash = g.headerHash,
            selector::<HeaderHashMismatch>(),
        ),
        (|a, g| a.dtype = g.dtype, selector::<BadDtype>()),
        (|a, g| a.dataLen = g.dataLen, selector::<DataLenMismatch>()),
        (|a, g| a.chunkLog2 = g.chunkLog2, selector::<BadChunkSize>()),
        (|a, _| a.train.clear(), selector::<UnknownSketchSet>()),
        (|a, _| a.parents.clear(), selector::<UnknownParent>()),
        (|_, _| (), selector::<UnknownCommitment>()),
    ];
    for (fix, expected) in fixes {
        let data = call(&mut world, DEVELOPER, &broken.call()).unwrap_err();
        assert_eq!(data[..4], expected);
        fix(&mut broken.adapter, &good.adapter);
    }
    commit(&mut world, broken.commitment());
    world.skip_blocks(2);
    let data = call(&mut world, DEVELOPER, &broken.call()).unwrap_err();
    assert_eq!(data[..4], selector::<UnknownSuperseded>());
}
