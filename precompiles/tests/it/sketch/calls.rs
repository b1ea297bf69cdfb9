//! What holds for every call: pauses, the order of checks, gas, and any calldata.

use super::{
    ANYONE, OWNER, Stream, append, drawn, open, opened, record, records, sealed,
    world_with_clusters,
};
use crate::world::{GAS, World, input, refused};
use alloy_primitives::U256;
use alloy_sol_types::SolCall;
use openledger_precompiles::{
    CommonErrors, IPausable, Outcome, PAUSE_MAX_S, SKETCH, sketch::IAttrSketch,
};
use openledger_primitives::predeploys::PARAMETER_TIMELOCK;
use proptest::{collection::vec, prelude::*};

#[test]
fn pauses_are_the_timelocks_short_and_rare() {
    let mut world = world_with_clusters(1);
    let selector = IAttrSketch::openSetCall::SELECTOR;
    let now = world.host.timestamp;
    let pause = |until| IPausable::setPausedCall {
        selector: selector.into(),
        untilTimestamp: until,
    };
    refused(
        world.call(SKETCH, OWNER, &pause(now + 1)),
        CommonErrors::Unauthorized { caller: OWNER },
    );
    for getter in [
        IAttrSketch::headerCall::SELECTOR,
        IAttrSketch::rowCall::SELECTOR,
        IAttrSketch::rowDistanceCall::SELECTOR,
        IAttrSketch::settleCall::SELECTOR,
        IPausable::setPausedCall::SELECTOR,
        [1, 2, 3, 4],
    ] {
        let call = IPausable::setPausedCall {
            selector: getter.into(),
            untilTimestamp: now + 1,
        };
        refused(
            world.call(SKETCH, PARAMETER_TIMELOCK, &call),
            CommonErrors::NotPausable {
                selector: getter.into(),
            },
        );
    }
    refused(
        world.call(SKETCH, PARAMETER_TIMELOCK, &pause(now + PAUSE_MAX_S + 1)),
        CommonErrors::PauseTooLong {
            until: now + PAUSE_MAX_S + 1,
            latest: now + PAUSE_MAX_S,
        },
    );
    let until = now + PAUSE_MAX_S;
    world
        .call(SKETCH, PARAMETER_TIMELOCK, &pause(until))
        .unwrap();
    assert_eq!(world.logs.len(), 1);
    let paused = CommonErrors::Paused {
        selector: selector.into(),
        until,
    };
    refused(world.call(SKETCH, OWNER, &open(64, 0)), paused.clone());
    world.host.timestamp = until - 1;
    refused(world.call(SKETCH, OWNER, &open(64, 0)), paused);
    world.host.timestamp = until;
    opened(&mut world, 64, 0);
    // Other functions never stopped; this one may be paused again 30 days after the first time.
    let not_before = now + 30 * 86_400;
    world.host.timestamp = not_before - 1;
    refused(
        world.call(SKETCH, PARAMETER_TIMELOCK, &pause(not_before)),
        CommonErrors::PauseTooSoon {
            notBefore: not_before,
        },
    );
    world.host.timestamp = not_before;
    world
        .call(SKETCH, PARAMETER_TIMELOCK, &pause(not_before + 100))
        .unwrap();
    // A pause can be lifted at any time.
    world.call(SKETCH, PARAMETER_TIMELOCK, &pause(0)).unwrap();
    opened(&mut world, 64, 0);
    refused(
        world.call(SKETCH, PARAMETER_TIMELOCK, &pause(not_before + 100)),
        CommonErrors::PauseTooSoon {
            notBefore: not_before + 30 * 86_400,
        },
    );
}

/// Of several reasons to refuse, the first in section 1's order is given.
#[test]
fn checks_come_in_order() {
    let mut world = world_with_clusters(1);
    let until = world.host.timestamp + 10;
    let timelock = IPausable::setPausedCall {
        selector: IAttrSketch::openSetCall::SELECTOR.into(),
        untilTimestamp: until,
    };
    world.call(SKETCH, PARAMETER_TIMELOCK, &timelock).unwrap();
    let bad = open(65, 9).abi_encode();
    let longer = [&bad[..], &[0; 32]].concat();
    let mut call = input(SKETCH, OWNER, &longer);
    call.target_address = OWNER;
    call.value = U256::from(1);
    call.is_static = true;
    let mut expect = |call, error: Vec<u8>, gas| match world.run(call) {
        Outcome::Revert { output, gas_used } => {
            assert_eq!((output.to_vec(), gas_used), (error, gas));
        }
        outcome => panic!("{outcome:?}"),
    };
    use alloy_sol_types::SolError;
    expect(call, CommonErrors::BadCallScheme {}.abi_encode(), 0);
    call.target_address = SKETCH;
    expect(call, CommonErrors::NoValue {}.abi_encode(), 0);
    call.value = U256::ZERO;
    expect(call, CommonErrors::BadAbi {}.abi_encode(), 600 + 3 * 10);
    call.data = &bad;
    expect(call, CommonErrors::StaticWrite {}.abi_encode(), 600 + 3 * 9);
    call.is_static = false;
    let paused = CommonErrors::Paused {
        selector: IAttrSketch::openSetCall::SELECTOR.into(),
        until,
    };
    expect(call, paused.abi_encode(), 600 + 3 * 9 + 2_100);
    // Without gas for the base, even malformed calldata is out of gas.
    let mut poor = input(SKETCH, OWNER, &[]);
    poor.gas = 599;
    assert_eq!(world.run(poor), Outcome::OutOfGas);
    let unknown = input(SKETCH, OWNER, &[1, 2, 3, 4]);
    let Outcome::Revert { output, gas_used } = world.run(unknown) else {
        panic!("not refused");
    };
    assert_eq!(
        (output.to_vec(), gas_used),
        (CommonErrors::BadAbi {}.abi_encode(), 603)
    );
    let huge = vec![0; 131_073];
    assert!(matches!(
        world.run(input(SKETCH, OWNER, &huge)),
        Outcome::Revert { gas_used, .. } if gas_used == 600 + 3 * 4_097
    ));
}

/// What the call would do with any amount of gas: the same, or nothing.
#[test]
fn every_amount_of_gas_gives_the_result_or_takes_all() {
    let mut world = world_with_clusters(1);
    let id = drawn(&mut world, 64, 1);
    let data = append(
        id,
        &[record(0, 1, &[5; 64]), record(0, 2, &[6; 64])].concat(),
    )
    .abi_encode();
    let Outcome::Success { gas_used, .. } = ({
        let mut copy = World {
            host: world.host.clone(),
            logs: Vec::new(),
            gas_used: 0,
        };
        copy.run(input(SKETCH, OWNER, &data))
    }) else {
        panic!("refused");
    };
    for gas in (0..gas_used).step_by(97).chain([gas_used - 1]) {
        let mut call = input(SKETCH, OWNER, &data);
        call.gas = gas;
        assert_eq!(world.run(call), Outcome::OutOfGas, "{gas} of {gas_used}");
    }
    let mut call = input(SKETCH, OWNER, &data);
    call.gas = gas_used;
    assert!(matches!(world.run(call), Outcome::Success { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever comes in, there is an answer, the same twice, within the gas, and a refusal leaves no
    /// trace.
    #[test]
    fn any_call_is_answered(
        selector in 0usize..14,
        words in vec(prop_oneof![
            3 => (0u64..300).prop_map(U256::from),
            1 => any::<[u8; 32]>().prop_map(U256::from_be_bytes),
            2 => prop::sample::select(vec![32u64, 64, 96, 128, 160]).prop_map(U256::from),
        ], 0..45),
        tail in 0usize..32, gas in prop_oneof![0u64..3_000_000, Just(GAS)], is_static in any::<bool>(),
        owner in any::<bool>(),
    ) {
        let selectors = [
            IAttrSketch::openSetCall::SELECTOR, IAttrSketch::drawSeedCall::SELECTOR,
            IAttrSketch::appendRowsCall::SELECTOR, IAttrSketch::sealCall::SELECTOR,
            IAttrSketch::headerCall::SELECTOR, IAttrSketch::rowCall::SELECTOR,
            IAttrSketch::scoreInfluenceCall::SELECTOR, IAttrSketch::scoreDotCall::SELECTOR,
            IAttrSketch::scoreKnnShapleyCall::SELECTOR, IAttrSketch::rowDistanceCall::SELECTOR,
            IAttrSketch::commitContributionCall::SELECTOR, IAttrSketch::revealCall::SELECTOR,
            IAttrSketch::settleCall::SELECTOR, IPausable::setPausedCall::SELECTOR,
        ];
        let mut world = world_with_clusters(2);
        let mut stream = Stream(3);
        let data = records(64, 5, &mut stream);
        let data: Vec<u8> = data.chunks(70).flat_map(|row| {
            let mut row = row.to_vec();
            row[3] = row[3].min(1);
            row
        }).collect();
        sealed(&mut world, 64, 1, &data);
        drawn(&mut world, 128, 0);
        let mut calldata = selectors[selector].to_vec();
        for word in words {
            calldata.extend(word.to_be_bytes::<32>());
        }
        calldata.truncate(calldata.len().saturating_sub(tail % 32 * usize::from(tail > 28)));
        let mut call = input(SKETCH, if owner { OWNER } else { ANYONE }, &calldata);
        call.gas = gas;
        call.is_static = is_static;
        let before = world.host.snapshot();
        let slots: Vec<_> = world.host.slots().collect();
        let outcome = world.run(call);
        match &outcome {
            Outcome::Success { gas_used, .. } => prop_assert!(*gas_used <= gas),
            Outcome::Revert { gas_used, .. } => {
                prop_assert!(*gas_used <= gas);
                prop_assert_eq!(&slots, &world.host.slots().collect::<Vec<_>>());
            }
            Outcome::OutOfGas => {
                prop_assert_eq!(&slots, &world.host.slots().collect::<Vec<_>>());
            }
        }
        if is_static {
            prop_assert_eq!(&slots, &world.host.slots().collect::<Vec<_>>());
        }
        world.host.restore(before);
        prop_assert_eq!(world.run(call), outcome);
    }
}
