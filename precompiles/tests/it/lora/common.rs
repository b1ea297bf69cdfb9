//! What all precompiles have in common, gas, and hostile calls.

use super::*;

#[test]
fn writes_are_refused_under_static_and_while_paused() {
    let (mut world, base) = world_with_base();
    let draft = draft(base, 1);
    let for_call = signed(&world, &draft, 0, u64::MAX);
    let writes: [Vec<u8>; 6] = [
        registerBaseCall {
            base: small_base(0),
        }
        .abi_encode(),
        commitAdapterCall { h: B256::ZERO }.abi_encode(),
        uploadHeaderCall {
            headerHash: B256::ZERO,
            part: 0,
            chunk: Bytes::from_static(b"x"),
        }
        .abi_encode(),
        draft.call().abi_encode(),
        for_call.abi_encode(),
        setStatusCall {
            id: base,
            status: 0,
        }
        .abi_encode(),
    ];
    for data in &writes {
        let mut input = input(LORA, OTHER, data);
        input.is_static = true;
        let Outcome::Revert { output, .. } = world.run(input) else {
            panic!("a static write")
        };
        assert_eq!(output, CommonErrors::StaticWrite {}.abi_encode());
    }
    alloy_sol_types::sol! {
        #[derive(Debug)]
        function setPaused(bytes4 selector, uint64 untilTimestamp) external;
    }
    let until = world.host.timestamp + 100;
    for data in &writes {
        let selector = alloy_primitives::FixedBytes::from_slice(&data[..4]);
        let pause = setPausedCall {
            selector,
            untilTimestamp: until,
        };
        call(&mut world, PARAMETER_TIMELOCK, &pause).unwrap();
        let Outcome::Revert { output, .. } = world.run(input(LORA, OTHER, data)) else {
            panic!("not paused")
        };
        assert_eq!(
            output,
            CommonErrors::Paused { selector, until }.abi_encode()
        );
    }
    // Claims can't be frozen.
    for selector in [
        royaltyFlowCall::SELECTOR,
        flattenDatanetsCall::SELECTOR,
        getCall::SELECTOR,
    ] {
        let pause = setPausedCall {
            selector: selector.into(),
            untilTimestamp: until,
        };
        refused(
            call(&mut world, PARAMETER_TIMELOCK, &pause),
            CommonErrors::NotPausable {
                selector: selector.into(),
            },
        );
    }
}

#[test]
fn gas_is_what_the_slots_and_the_rest_cost() {
    let (mut world, base) = world_with_base();
    view(&mut world, &noncesCall { developer: OTHER });
    // Calldata of two words, one cold slot.
    assert_eq!(world.gas_used, 600 + 6 + 2_100);
    commit(&mut world, B256::repeat_byte(1));
    // Pause, commitment (read, then set while warm), counters (read, then changed from nonzero).
    assert_eq!(world.gas_used, 606 + 2_100 + 2_100 + 2_100 + 2_900 + 20_000);

    let id = register(&mut world, &draft(base, 1)).unwrap();
    let one = draft(base, 2).parents(&[(base, 1), (id, 1)]);
    let child = register(&mut world, &one).unwrap();
    let flow = royaltyFlowCall {
        node: child,
        amount: U256::ONE,
    };
    view(&mut world, &flow);
    // Three heads, one slot of parents, two edges.
    assert_eq!(world.gas_used, 600 + 9 + 4 * 2_100 + 2 * 150);

    let draft = draft(base, 3).parents(&[(id, 1)]);
    commit(&mut world, draft.commitment());
    world.skip_blocks(2);
    let data = draft.call().abi_encode();
    let header = draft.header.len() as u64;
    let before = world.host.clone();
    assert!(matches!(
        world.run(input(LORA, DEVELOPER, &data)),
        Outcome::Success { .. }
    ));
    let used = world.gas_used;
    let calldata = 600 + 3 * (data.len() as u64).div_ceil(32);
    // Read cold: pause, the base's head, facts, module and prefix; counters, the parent's head,
    // commitment, weights; the list's length and its element. Read again: the parent's and the base's
    // heads.
    let reads = (5 + 4 + 2) * 2_100 + 2 * 100;
    // Set: head, five of the adapter, parents, weights; changed: counters, the list's element and length.
    let writes = 7 * (2_100 + 20_000) + 20_000 + 3 * 2_900;
    let logs = (375 * 5 + 8 * 96) + (375 * 4 + 8 * 32);
    assert_eq!(
        used,
        calldata + 12 * header + 6 * header.div_ceil(32) + reads + writes + logs
    );
    // One gas less doesn't do.
    world.host = before;
    let mut short = input(LORA, DEVELOPER, &data);
    short.gas = used - 1;
    assert_eq!(world.run(short), Outcome::OutOfGas);
    short.gas = used;
    assert!(matches!(world.run(short), Outcome::Success { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Arbitrary gas and damaged calldata: no panic, nothing left behind, the same answer twice.
    #[test]
    fn hostile_calls_leave_no_trace(
        which in 0usize..12,
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
        gas in prop_oneof![0u64..400_000, Just(GAS)],
        cut in prop_oneof![Just(0usize), 0usize..100],
    ) {
        let (mut world, base) = world_with_base();
        let id = register(&mut world, &draft(base, 1)).unwrap();
        let draft = draft(base, 2).parents(&[(id, 1)]);
        commit(&mut world, draft.commitment());
        world.skip_blocks(2);
        let mut data = match which {
            0 => draft.call().abi_encode(),
            1 => signed(&world, &draft, 0, u64::MAX).abi_encode(),
            2 => registerBaseCall { base: small_base(0) }.abi_encode(),
            3 => uploadHeaderCall {
                headerHash: B256::ZERO,
                part: 0,
                chunk: Bytes::from_static(b"x"),
            }.abi_encode(),
            4 => verifyChunkCall {
                id,
                idx: 0,
                chunk: vec![1; 256].into(),
                proof: vec![],
            }.abi_encode(),
            5 => getCall { id }.abi_encode(),
            6 => isAncestorCall { node: id, anc: base }.abi_encode(),
            7 => lineageCall { id }.abi_encode(),
            8 => byBaseCall { base, cursor: 0, n: 1 }.abi_encode(),
            9 => flattenDatanetsCall { id }.abi_encode(),
            10 => royaltyFlowCall { node: id, amount: U256::MAX }.abi_encode(),
            _ => setStatusCall { id, status: 1 }.abi_encode(),
        };
        for (at, value) in flips {
            let at = at.index(data.len());
            data[at] = value;
        }
        data.truncate(data.len() - cut.min(data.len()));
        let slots: Vec<_> = world.host.slots().collect();
        let mut twin = World { host: world.host.clone(), logs: vec![], gas_used: 0 };
        let mut call = input(LORA, DEVELOPER, &data);
        call.gas = gas;
        let outcome = world.run(call);
        prop_assert_eq!(&outcome, &twin.run(call));
        if !matches!(outcome, Outcome::Success { .. }) {
            prop_assert_eq!(world.host.slots().collect::<Vec<_>>(), slots);
            prop_assert!(world.logs.is_empty());
        }
    }
}

#[test]
fn unknown_selectors_are_bad_abi() {
    let mut world = World::new();
    for data in [&[][..], &[1, 2, 3], &[1, 2, 3, 4], &getCall::SELECTOR] {
        let Outcome::Revert { output, .. } = world.run(input(LORA, OTHER, data)) else {
            panic!("accepted")
        };
        assert_eq!(output, CommonErrors::BadAbi {}.abi_encode());
    }
}
