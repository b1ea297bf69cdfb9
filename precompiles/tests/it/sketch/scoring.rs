//! Scores, what they cost, and what is refused.

use super::{
    ANYONE, Stream, header, opened, records, sealed,
    witnesses::{influence_call, witness},
    world_with_clusters,
};
use crate::world::{input, refused};
use alloy_primitives::{Bytes, U256};
use alloy_sol_types::SolCall;
use openledger_precompiles::{
    Outcome, SKETCH, gas,
    sketch::{CertifiedQuery, IAttrSketch, influence, knn_shapley, residual, rows},
};

#[test]
fn scoring_waits_for_the_block_after_the_seal() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(5);
    let data = records(64, 12, &mut stream);
    let id = sealed(&mut world, 64, 1, &data);
    let call = IAttrSketch::scoreDotCall {
        setId: id,
        q: vec![1; 64].into(),
    };
    world.call(SKETCH, ANYONE, &call).unwrap();
    world.host.block_number -= 1;
    refused(
        world.call(SKETCH, ANYONE, &call),
        IAttrSketch::NotSealed { setId: id },
    );
    let open = opened(&mut world, 64, 1);
    refused(
        world.call(
            SKETCH,
            ANYONE,
            &IAttrSketch::scoreDotCall {
                setId: open,
                q: vec![1; 64].into(),
            },
        ),
        IAttrSketch::NotSealed { setId: open },
    );
}

#[test]
fn a_batch_scores_what_the_pure_function_does_at_the_stated_gas() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(9);
    let dim = 128u16;
    let data = records(dim, 200, &mut stream);
    let id = sealed(&mut world, dim, 0, &data);
    let lambda = header(&mut world, id).lambda;
    let queries: Vec<_> = (0..3)
        .map(|_| {
            let query: Vec<u8> = (0..dim).map(|_| stream.entry(90) as u8).collect();
            let (x, shift) = witness(&data, dim, lambda, &query);
            (query, x, shift)
        })
        .collect();
    let certified: Vec<_> = queries
        .iter()
        .map(|(query, x, shift)| CertifiedQuery {
            query,
            witness: x.clone(),
            shift: *shift,
        })
        .collect();
    let expected = influence(rows(&data, dim), lambda, &certified).unwrap();
    assert_eq!(expected.cluster, [0, 1, 2]);
    let call = influence_call(id, &queries);
    let scores = world.call(SKETCH, ANYONE, &call).unwrap();
    assert_eq!(scores.cluster, expected.cluster);
    assert_eq!(scores.sum, expected.sum);
    assert_eq!(scores.sumSq, expected.sum_sq);

    // 183 rows a page: one full page and one of 17 rows; pause, form and counters.
    let calldata = call.abi_encode().len() as u64;
    let compute =
        (2 * 3 * 200 * 128u64).div_ceil(gas::MULTIPLY_ADDS_PER_GAS) + 40 * 3 * 128 + 20 * 3 * 200;
    let page = |rows: u64| 2_600 + 3 * (1 + rows * 134).div_ceil(32);
    let total = 600 + 3 * calldata.div_ceil(32) + 3 * 2_100 + compute + page(183) + page(17);
    assert_eq!(world.gas_used, total);

    // The gas to the unit, and not one less.
    let data = call.abi_encode();
    let mut exact = input(SKETCH, ANYONE, &data);
    exact.gas = total;
    assert!(matches!(world.run(exact), Outcome::Success { gas_used, .. } if gas_used == total));
    exact.gas = total - 1;
    assert_eq!(world.run(exact), Outcome::OutOfGas);
}

#[test]
fn residuals_are_those_of_the_pure_function_at_the_price_of_one_query() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(10);
    let dim = 64u16;
    let data = records(dim, 50, &mut stream);
    let id = sealed(&mut world, dim, 0, &data);
    let lambda = header(&mut world, id).lambda;
    let query: Vec<u8> = (0..dim).map(|_| stream.entry(90) as u8).collect();
    let (good, shift) = witness(&data, dim, lambda, &query);
    let mut bad = good.clone();
    bad[3] ^= 0x1fff;
    for x in [&good, &bad] {
        let certified = CertifiedQuery {
            query: &query,
            witness: x.clone(),
            shift,
        };
        let expected = residual(rows(&data, dim), lambda, &certified);
        let call = IAttrSketch::residualCall {
            setId: id,
            q: query.clone().into(),
            x: x.iter()
                .flat_map(|entry| entry.to_be_bytes())
                .collect::<Vec<u8>>()
                .into(),
            shift,
        };
        let found = world.call(SKETCH, ANYONE, &call).unwrap();
        assert_eq!(
            (found.residual2, found.query2),
            (expected.residual2, expected.query2)
        );
        // What scoreInfluence accepts is what this tells.
        let scored = influence_call(id, &[(query.clone(), x.clone(), shift)]);
        assert_eq!(
            world.call(SKETCH, ANYONE, &scored).is_ok(),
            U256::from(256 * 256) * found.residual2 <= found.query2
        );
        // Form and counters, but no pause.
        let calldata = call.abi_encode().len() as u64;
        let compute = (2 * 50 * 64u64).div_ceil(gas::MULTIPLY_ADDS_PER_GAS) + 40 * 64 + 20 * 50;
        let page = 2_600 + 3 * (1 + 50 * 70u64).div_ceil(32);
        world.call(SKETCH, ANYONE, &call).unwrap();
        assert_eq!(
            world.gas_used,
            600 + 3 * calldata.div_ceil(32) + 2 * 2_100 + compute + page
        );
    }
    assert!(
        world
            .call(SKETCH, ANYONE, &influence_call(id, &[(query, bad, shift)]))
            .is_err()
    );
}

#[test]
fn batches_that_break_a_rule_are_named() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(11);
    let data = records(64, 30, &mut stream);
    let id = sealed(&mut world, 64, 0, &data);
    let lambda = header(&mut world, id).lambda;
    let query: Vec<u8> = (0..64).map(|_| stream.entry(90) as u8).collect();
    let (x, shift) = witness(&data, 64, lambda, &query);
    let good = (query.clone(), x.clone(), shift);
    world
        .call(
            SKETCH,
            ANYONE,
            &influence_call(id, std::slice::from_ref(&good)),
        )
        .unwrap();

    let mut refuse = |call: IAttrSketch::scoreInfluenceCall, data: Vec<u8>| match world
        .call(SKETCH, ANYONE, &call)
    {
        Ok(_) => panic!("accepted"),
        Err(actual) => assert_eq!(actual, data),
    };
    let encode = |error: &dyn Fn() -> Vec<u8>| error();
    use alloy_sol_types::SolError;
    let batch = |q: u64, x: u64, s: u64| IAttrSketch::BadBatch {
        queries: U256::from(q),
        witnesses: U256::from(x),
        shifts: U256::from(s),
    };
    refuse(influence_call(id, &[]), batch(0, 0, 0).abi_encode());
    refuse(
        influence_call(id, &vec![good.clone(); 17]),
        batch(17, 17, 17).abi_encode(),
    );
    let mut uneven = influence_call(id, &[good.clone(), good.clone()]);
    uneven.shift.pop();
    refuse(uneven, batch(2, 2, 1).abi_encode());
    let mut short = influence_call(id, std::slice::from_ref(&good));
    short.q[0] = Bytes::from(vec![1; 63]);
    refuse(
        short,
        IAttrSketch::BadLength {
            expected: U256::from(64),
            actual: U256::from(63),
        }
        .abi_encode(),
    );
    let at = |query: u64| U256::from(query);
    for entry in [16_384i16, -16_384, i16::MIN] {
        let mut far = good.clone();
        far.1[7] = entry;
        refuse(
            influence_call(id, &[good.clone(), far]),
            IAttrSketch::WitnessRange { query: at(1) }.abi_encode(),
        );
    }
    let mut shifted = good.clone();
    shifted.2 = 63;
    refuse(
        influence_call(id, &[shifted]),
        IAttrSketch::BadShift {
            query: at(0),
            shift: 63,
        }
        .abi_encode(),
    );
    let zero = (vec![0; 64], vec![0; 64], 0);
    refuse(
        influence_call(id, &[good.clone(), good.clone(), zero]),
        IAttrSketch::ZeroQuery { query: at(2) }.abi_encode(),
    );
    let mut wrong = good.clone();
    wrong.1[0] = wrong.1[0].wrapping_add(4_000).clamp(-16_383, 16_383);
    refuse(
        influence_call(id, &[good.clone(), wrong]),
        encode(&|| IAttrSketch::WitnessRejected { query: at(1) }.abi_encode()),
    );

    let embedding = sealed(&mut world, 64, 1, &data);
    refused(
        world.call(SKETCH, ANYONE, &influence_call(embedding, &[good])),
        IAttrSketch::WrongKind { kind: 1 },
    );
    let knn = |id, k| IAttrSketch::scoreKnnShapleyCall {
        setId: id,
        q: query.clone().into(),
        label: 1,
        K: k,
    };
    refused(
        world.call(SKETCH, ANYONE, &knn(id, 5)),
        IAttrSketch::WrongKind { kind: 0 },
    );
    for k in [0, 65] {
        refused(
            world.call(SKETCH, ANYONE, &knn(embedding, k)),
            IAttrSketch::BadK { k },
        );
    }
}

#[test]
fn neighbours_and_dot_products_sum_by_cluster() {
    let mut world = world_with_clusters(3);
    let mut stream = Stream(21);
    let dim = 256u16;
    let data = records(dim, 120, &mut stream);
    let id = sealed(&mut world, dim, 1, &data);
    let query: Vec<u8> = (0..dim).map(|_| stream.entry(127) as u8).collect();
    let sums = |scores: &[i128]| {
        let mut sums = [0i128; 3];
        for (row, score) in rows(&data, dim).zip(scores) {
            sums[row.cluster as usize] += score;
        }
        sums
    };
    let wide = |b: &u8| i128::from(*b as i8);
    let page = |rows: u64| 2_600 + 3 * (1 + rows * 262).div_ceil(32);
    let pages = page(93) + page(27);

    let dots: Vec<i128> = rows(&data, dim)
        .map(|row| {
            row.vector
                .iter()
                .zip(&query)
                .map(|(a, b)| wide(a) * wide(b))
                .sum()
        })
        .collect();
    let call = IAttrSketch::scoreDotCall {
        setId: id,
        q: query.clone().into(),
    };
    let scores = world.call(SKETCH, ANYONE, &call).unwrap();
    assert_eq!(
        (scores.cluster, &scores.sum[..]),
        (vec![0, 1, 2], &sums(&dots)[..])
    );
    let base = |call: &[u8]| 600 + 3 * (call.len() as u64).div_ceil(32) + 3 * 2_100;
    let m = gas::MULTIPLY_ADDS_PER_GAS;
    assert_eq!(
        world.gas_used,
        base(&call.abi_encode()) + pages + (120 * 256u64).div_ceil(m) + 20 * 120
    );

    let values = knn_shapley(rows(&data, dim), &query, 2, 5);
    let values: Vec<i128> = values.into_iter().map(i128::from).collect();
    let call = IAttrSketch::scoreKnnShapleyCall {
        setId: id,
        q: query.clone().into(),
        label: 2,
        K: 5,
    };
    let scores = world.call(SKETCH, ANYONE, &call).unwrap();
    assert_eq!(
        (scores.cluster, &scores.sum[..]),
        (vec![0, 1, 2], &sums(&values)[..])
    );
    assert_eq!(
        world.gas_used,
        base(&call.abi_encode()) + pages + (120 * 256u64).div_ceil(m) + (200 * 120u64).div_ceil(m)
    );

    let call = IAttrSketch::rowDistanceCall {
        setId: id,
        r: 100,
        alt: query.clone().into(),
    };
    let distance = world.call(SKETCH, ANYONE, &call).unwrap();
    let row = rows(&data, dim).nth(100).unwrap();
    let square = |a: i128| a * a;
    let d2: i128 = row
        .vector
        .iter()
        .zip(&query)
        .map(|(a, b)| square(wide(a) - wide(b)))
        .sum();
    let n2: i128 = row.vector.iter().map(|a| square(wide(a))).sum();
    let m2: i128 = query.iter().map(|a| square(wide(a))).sum();
    assert_eq!(
        (distance.d2.into(), distance.n2.into(), distance.m2.into()),
        (d2, n2, m2)
    );
    refused(
        world.call(
            SKETCH,
            ANYONE,
            &IAttrSketch::rowDistanceCall {
                setId: id,
                r: 120,
                alt: query.into(),
            },
        ),
        IAttrSketch::UnknownRow {
            row: 120,
            rows: 120,
        },
    );
}
