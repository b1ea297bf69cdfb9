//! Witnesses: what an honest worker finds, and what of it is accepted.

use super::{Stream, records};
use alloy_primitives::U256;
use openledger_precompiles::sketch::{
    CertifiedQuery, IAttrSketch, Row, influence, lambda, limits::SHIFT_MAX, residual, rows,
};
use proptest::{collection::vec, prelude::*};

/// An honest worker: solves (GᵀG + λI)x = q, scales x to 14 bits, rounds and refines it.
pub(super) fn witness(records: &[u8], dim: u16, lambda: u64, query: &[u8]) -> (Vec<i16>, u8) {
    let matrix: Vec<Vec<f64>> = rows(records, dim)
        .map(|row| row.vector.iter().map(|b| f64::from(*b as i8)).collect())
        .collect();
    let q: Vec<f64> = query.iter().map(|b| f64::from(*b as i8)).collect();
    let apply = |x: &[f64]| {
        let mut y: Vec<f64> = x.iter().map(|x| lambda as f64 * x).collect();
        for row in &matrix {
            let a: f64 = row.iter().zip(x).map(|(g, x)| g * x).sum();
            for (y, g) in y.iter_mut().zip(row) {
                *y += a * g;
            }
        }
        y
    };
    // Conjugate gradients.
    let mut x = vec![0.0; q.len()];
    let (mut r, mut p) = (q.clone(), q.clone());
    let mut rr: f64 = r.iter().map(|r| r * r).sum();
    for _ in 0..4 * q.len() {
        let ap = apply(&p);
        let step = rr / p.iter().zip(&ap).map(|(a, b)| a * b).sum::<f64>();
        for ((x, r), (p, ap)) in x.iter_mut().zip(&mut r).zip(p.iter().zip(&ap)) {
            *x += step * p;
            *r -= step * ap;
        }
        let next: f64 = r.iter().map(|r| r * r).sum();
        if next < 1e-22 {
            break;
        }
        for (p, r) in p.iter_mut().zip(&r) {
            *p = r + next / rr * *p;
        }
        rr = next;
    }
    let max = x.iter().fold(0.0f64, |max, x| max.max(x.abs()));
    let shift = (16_383.0 / max)
        .log2()
        .floor()
        .clamp(0.0, f64::from(SHIFT_MAX));
    let mut witness: Vec<f64> = x.iter().map(|x| (x * shift.exp2()).round()).collect();
    // Rounding alone can leave more than 1/256 where one direction is a thousand times as stiff as the
    // others: move single entries as long as that shortens the residual.
    let columns: Vec<Vec<f64>> = (0..q.len())
        .map(|at| {
            let mut unit = vec![0.0; q.len()];
            unit[at] = 1.0;
            apply(&unit)
        })
        .collect();
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let applied = apply(&witness);
    let mut r: Vec<f64> = q
        .iter()
        .zip(applied)
        .map(|(q, u)| q * shift.exp2() - u)
        .collect();
    for _ in 0..20 {
        let mut moved = false;
        for (entry, column) in witness.iter_mut().zip(&columns) {
            let step = (product(column, &r) / product(column, column)).round();
            let step = (*entry + step).clamp(-16_383.0, 16_383.0) - *entry;
            if step != 0.0 {
                *entry += step;
                r.iter_mut().zip(column).for_each(|(r, h)| *r -= step * h);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    (witness.iter().map(|x| *x as i16).collect(), shift as u8)
}

/// The call with queries, witnesses and shifts.
pub(super) fn influence_call(
    id: u64,
    queries: &[(Vec<u8>, Vec<i16>, u8)],
) -> IAttrSketch::scoreInfluenceCall {
    IAttrSketch::scoreInfluenceCall {
        setId: id,
        q: queries.iter().map(|(q, ..)| q.clone().into()).collect(),
        x: queries
            .iter()
            .map(|(_, x, _)| {
                x.iter()
                    .flat_map(|x| x.to_be_bytes())
                    .collect::<Vec<u8>>()
                    .into()
            })
            .collect(),
        shift: queries.iter().map(|(.., shift)| *shift).collect(),
    }
}

proptest! {
    /// An honest witness is accepted; one with a residual beyond 1/256 is not.
    #[test]
    fn honest_witnesses_pass_and_perturbed_ones_do_not(
        seed in any::<u64>(), count in 1u32..60, at in 0usize..64, step in 500i16..8_000,
    ) {
        let mut stream = Stream(seed);
        let data = records(64, count, &mut stream);
        let sum_norm2 = rows(&data, 64)
            .flat_map(|row| row.vector.iter().map(|b| (*b as i8 as i64).pow(2) as u64))
            .sum();
        let lambda = lambda(sum_norm2);
        let query: Vec<u8> = (0..64).map(|_| stream.entry(100) as u8).collect();
        prop_assume!(query.iter().any(|b| *b != 0));
        let (x, shift) = witness(&data, 64, lambda, &query);
        let mut certified = CertifiedQuery { query: &query, witness: x, shift };
        prop_assert!(influence(rows(&data, 64), lambda, std::slice::from_ref(&certified)).is_ok());
        // The opposite of the solution and no solution at all are refused.
        for factor in [-1, 0] {
            let witness = certified.witness.iter().map(|x| factor * x).collect();
            let wrong = CertifiedQuery { witness, ..certified.clone() };
            let refusal = influence(rows(&data, 64), lambda, std::slice::from_ref(&wrong));
            prop_assert_eq!(refusal.unwrap_err().query, 0);
        }
        // One entry moved: refused exactly where that takes the residual beyond the bound.
        let before = certified.witness[at];
        let moved = if before > 0 { before - step } else { before + step };
        certified.witness[at] = moved;
        let measured = residual(rows(&data, 64), lambda, &certified);
        let accepted = influence(rows(&data, 64), lambda, std::slice::from_ref(&certified)).is_ok();
        let bound = U256::from(256 * 256);
        prop_assert_eq!(accepted, measured.residual2 * bound <= measured.query2);
    }

    /// Scores are what the definition gives in arithmetic that can't overflow.
    #[test]
    fn influence_is_its_definition(
        (dim, data, queries) in (1usize..40).prop_flat_map(|dim| {
            let row = (0u32..5, vec(-127i8..=127, dim));
            let query = (vec(-128i8..=127, dim), vec(-16_383i16..=16_383, dim), 0u8..=62);
            (Just(dim), vec(row, 0..40), vec(query, 1..4))
        }),
        lambda in 1u64..1 << 26,
    ) {
        let mut data = data;
        data.sort_by_key(|(cluster, _)| *cluster);
        let bytes: Vec<Vec<u8>> = data
            .iter()
            .map(|(_, vector)| vector.iter().map(|entry| *entry as u8).collect())
            .collect();
        let rows = || data.iter().zip(&bytes).map(|((cluster, _), vector)| Row {
            cluster: *cluster, label: 0, vector,
        });
        let query_bytes: Vec<Vec<u8>> = queries
            .iter()
            .map(|(query, ..)| query.iter().map(|entry| *entry as u8).collect())
            .collect();
        for ((query, x, shift), bytes) in queries.iter().zip(&query_bytes) {
            let certified = CertifiedQuery { query: bytes, witness: x.clone(), shift: *shift };
            let a: Vec<i128> = data
                .iter()
                .map(|(_, g)| g.iter().zip(x).map(|(g, x)| i128::from(*g) * i128::from(*x)).sum())
                .collect();
            let (mut r2, mut q2) = (U256::ZERO, U256::ZERO);
            for d in 0..dim {
                let u: i128 = data.iter().zip(&a).map(|((_, g), a)| i128::from(g[d]) * a).sum();
                let target = i128::from(query[d]) << shift;
                let r = target - u - i128::from(lambda) * i128::from(x[d]);
                let square = |v: i128| U256::from(v.unsigned_abs()) * U256::from(v.unsigned_abs());
                r2 += square(r);
                q2 += square(target);
            }
            let measured = residual(rows(), lambda, &certified);
            prop_assert_eq!((measured.residual2, measured.query2), (r2, q2));
            let result = influence(rows(), lambda, std::slice::from_ref(&certified));
            prop_assert_eq!(result.is_ok(), r2 * U256::from(65_536) <= q2);
        }
    }
}
