//! Parents, royalties, lists.

use super::*;

#[test]
fn lineage_has_limits() {
    let (mut world, base) = world_with_base();
    let mut chain = base;
    for depth in 1..=16u8 {
        let draft = draft(base, u64::from(depth)).parents(&[(chain, 5_000)]);
        chain = register(&mut world, &draft).unwrap();
        let got = get(&mut world, chain);
        assert_eq!((got.depth, got.ancestors), (depth, u16::from(depth)));
    }
    let deeper = draft(base, 17).parents(&[(chain, 1)]);
    refused(register(&mut world, &deeper), TooDeep { depth: 17 });

    // Layers of eight: each new node has the eight before it as parents.
    let mut layer = Vec::new();
    for seed in 0..8 {
        layer.push(register(&mut world, &draft(base, 100 + seed)).unwrap());
    }
    let parents: Vec<(u64, u16)> = layer.iter().map(|id| (*id, 1_250)).collect();
    let wide = register(&mut world, &draft(base, 200).parents(&parents)).unwrap();
    let got = get(&mut world, wide);
    assert_eq!((got.depth, got.ancestors), (2, 9));
    let ids: Vec<u64> = [base].into_iter().chain(layer.clone()).collect();
    assert_eq!(view(&mut world, &lineageCall { id: wide }), ids);
    for (anc, expected) in [
        (base, true),
        (layer[3], true),
        (chain, false),
        (wide, false),
        (0, false),
    ] {
        let call = isAncestorCall { node: wide, anc };
        assert_eq!(view(&mut world, &call), expected, "{anc}");
    }
}

#[test]
fn absolute_shares_stack_up_to_half() {
    let mut world = World::new();
    let base = register_base(&mut world, small_base(2_000));
    let with_abs = |seed, abs| draft(base, seed).with(|adapter| adapter.absBps = abs);
    let first = register(&mut world, &with_abs(1, 3_000)).unwrap();
    let second = register(&mut world, &with_abs(2, 1)).unwrap();
    // 2,000 of the base and 3,000 of the first: as much as may be.
    assert!(register(&mut world, &with_abs(3, 9_999).parents(&[(first, 0)])).is_ok());
    refused(
        register(
            &mut world,
            &draft(base, 4).parents(&[(first, 0), (second, 0)]),
        ),
        AbsStackTooHigh { sum: 5_001 },
    );
}

#[test]
fn distinct_ancestors_are_counted_to_256() {
    let (mut world, base) = world_with_base();
    // 32 roots with seven parents apiece, themselves parents of four, those of one.
    let mut seed = 0;
    let mut add = |world: &mut World, parents: &[u64]| {
        seed += 1;
        let parents: Vec<(u64, u16)> = parents.iter().map(|id| (*id, 100)).collect();
        register(world, &draft(base, seed).parents(&parents))
    };
    let mut middle = Vec::new();
    for _ in 0..32 {
        let leaves: Vec<u64> = (0..7).map(|_| add(&mut world, &[]).unwrap()).collect();
        middle.push(add(&mut world, &leaves).unwrap());
    }
    // Each of four: 8 × 8 nodes and itself.
    let upper: Vec<u64> = middle
        .chunks(8)
        .map(|eight| add(&mut world, eight).unwrap())
        .collect();
    // Three of them: 3 × 65 and the base; with 59 more nodes it is 255, with 60 it is 256.
    let two = add(&mut world, &upper[..3]).unwrap();
    assert_eq!(get(&mut world, two).ancestors, 196);
    let singles: Vec<u64> = middle[24..31].to_vec();
    // 196 + 1 (`two` itself) + 7 × 8 = 253.
    let most = [&[two], &singles[..]].concat();
    let id = add(&mut world, &most).unwrap();
    assert_eq!(get(&mut world, id).ancestors, 253);
    let three: Vec<u64> = (0..3).map(|_| add(&mut world, &[id]).unwrap()).collect();
    // 253 + 1 (`id`) + 2 = 256; with the third 257.
    let full = add(&mut world, &three[..2]).unwrap();
    assert_eq!(get(&mut world, full).ancestors, 256);
    refused(add(&mut world, &three), TooManyAncestors { max: 256 });
}

#[test]
fn royalties_flow_through_the_registry() {
    let mut world = World::new();
    let base = register_base(&mut world, small_base(200));
    let two = register(&mut world, &draft(base, 2).parents(&[(base, 1_000)])).unwrap();
    let three = draft(base, 3)
        .parents(&[(base, 500), (two, 2_500)])
        .with(|adapter| adapter.absBps = 100);
    let three = register(&mut world, &three).unwrap();
    let four = draft(base, 4).parents(&[(two, 3_000), (three, 3_000)]);
    let four = register(&mut world, &four).unwrap();
    let five = register(&mut world, &draft(base, 5).parents(&[(four, 10_000)])).unwrap();
    // The vectors' graph: see golden.json, section `royalty`.
    let amount = U256::from(10).pow(U256::from(18)) + U256::from(7);
    let flow = view(&mut world, &royaltyFlowCall { node: five, amount });
    assert_eq!(flow.ids, [base, two, three, four, five]);
    let vectors = crate::vectors::golden();
    let pay = &vectors["royalty"]["cases"][0]["pay"];
    for (id, paid) in flow.ids.iter().zip(&flow.amounts) {
        assert_eq!(pay[id.to_string()], paid.to_string());
    }
    let data = world.call(LORA, OTHER, &royaltyFlowCall { node: 9, amount });
    refused(data, UnknownNode { id: 9 });
    // Nothing is declared: all of the million is under zero.
    let flat = view(&mut world, &flattenDatanetsCall { id: five });
    assert_eq!(flat.datanets, [B256::ZERO]);
    assert_eq!(flat.ppm, [1_000_000]);
}

#[test]
fn adapters_of_a_base_are_listed_in_pages() {
    let (mut world, base) = world_with_base();
    let other = register_base(&mut world, small_base(0));
    let mut ids = Vec::new();
    for seed in 0..11 {
        ids.push(register(&mut world, &draft(base, seed)).unwrap());
    }
    let foreign = register(&mut world, &draft(other, 99)).unwrap();
    for cursor in 0..13 {
        for n in [0, 1, 3, 4, 5, 11, u16::MAX] {
            let expected: Vec<u64> = ids
                .iter()
                .copied()
                .skip(cursor)
                .take(usize::from(n))
                .collect();
            let call = byBaseCall {
                base,
                cursor: cursor as u64,
                n,
            };
            assert_eq!(view(&mut world, &call), expected);
        }
    }
    let all = byBaseCall {
        base: other,
        cursor: 0,
        n: 5,
    };
    assert_eq!(view(&mut world, &all), [foreign]);
    let beyond = byBaseCall {
        base,
        cursor: u64::MAX,
        n: u16::MAX,
    };
    assert!(view(&mut world, &beyond).is_empty());
    let of_adapter = byBaseCall {
        base: foreign,
        cursor: 0,
        n: 1,
    };
    refused(
        call(&mut world, OTHER, &of_adapter),
        UnknownBase { id: foreign },
    );
}
