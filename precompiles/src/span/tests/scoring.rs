//! Scores, and the proofs against them, by calls.

use super::{super::*, world::*};

#[test]
fn a_native_index_scores_what_the_pure_function_does() {
    let mut host = host();
    let (id, entries, salt) = native(&mut host);
    let tokens = query();
    let score = IAttrSpan::scoreSpansCall {
        id,
        tokens: tokens.clone(),
        dfCap: 3,
        minSpan: 8,
    };
    let data = score.abi_encode();
    let (result, gas_used) = call(&mut host, OTHER, &score);
    let result = result.unwrap();
    let expected = score_spans(&tokens, &entries, salt, PARAMETERS);
    assert_eq!(
        scores(result.cluster, result.tokensWon, result.covered),
        expected
    );
    assert!(
        expected
            .tokens_won
            .iter()
            .any(|won| won.0 == 1 && won.1 > 100)
    );
    assert!(
        expected
            .tokens_won
            .iter()
            .any(|won| won.0 == 4 && won.1 > 20)
    );

    let hits: usize = kgram_hashes(&tokens, 6, salt)
        .iter()
        .map(|hash| {
            entries
                .iter()
                .filter(|entry| entry.fingerprint == hash >> 16)
                .count()
        })
        .sum();
    assert!(hits > 10);
    // The pause's slot, the index's slot, the page.
    let expected = prices::call(data.len() as u64)
        + 2 * prices::SLOT_COLD
        + (4 * 6 + 300) * tokens.len() as u64
        + prices::page_read(true, entries.len() as u64 * 16 + 1)
        + 120 * hits as u64;
    assert_eq!(gas_used, expected);
    // A gas less is not enough, and the same again gives the same.
    assert_eq!(
        call_raw(&mut host, OTHER, true, &data, expected - 1),
        Outcome::OutOfGas
    );
    assert!(matches!(
        call_raw(&mut host, OTHER, true, &data, expected),
        Outcome::Success { gas_used, .. } if gas_used == expected
    ));
}

#[test]
fn a_proved_index_scores_what_a_native_one_does() {
    let mut host = host();
    let index = Proved::new(&mut host, |_| {});
    let hits = index.hits(&query());
    let expected = score_spans(&query(), &index.entries, index.salt, PARAMETERS);
    let score = index.score_call(hits.clone());
    let (result, gas_used) = call(&mut host, OTHER, &score);
    let result = result.unwrap();
    assert_eq!(
        scores(result.cluster, result.tokensWon, result.covered),
        expected
    );
    let nodes: usize = hits.iter().map(|hit| hit.proof.len()).sum();
    assert_eq!(
        gas_used,
        prices::call(score.abi_encode().len() as u64)
            + 3 * prices::SLOT_COLD
            + 324 * query().len() as u64
            + 180 * hits.len() as u64
            + 42 * nodes as u64
    );

    // Each way of lying about a hit.
    let bad = |host: &mut MemoryHost, at: usize, edit: &dyn Fn(&mut IAttrSpan::Hit)| {
        let mut hits = hits.clone();
        edit(&mut hits[at]);
        refused(host, &index.score_call(hits))
    };
    let bad_hit = error(IAttrSpan::BadHit { hit: U256::from(4) });
    assert_eq!(bad(&mut host, 4, &|hit| hit.cluster += 1), bad_hit);
    assert_eq!(bad(&mut host, 4, &|hit| hit.leaf += 1), bad_hit);
    assert_eq!(
        bad(&mut host, 4, &|hit| hit.proof.push(B256::ZERO)),
        bad_hit
    );
    assert_eq!(bad(&mut host, 4, &|hit| hit.proof[0] = B256::ZERO), bad_hit);
    let last = hits.len() - 1;
    let out_of_query = error(IAttrSpan::BadHit {
        hit: U256::from(last),
    });
    assert_eq!(
        bad(&mut host, last, &|hit| hit.pos = u32::MAX),
        out_of_query
    );
    assert_eq!(bad(&mut host, last, &|hit| hit.pos += 1), out_of_query);
    let mut swapped = hits.clone();
    swapped.swap(2, 3);
    assert_eq!(
        refused(&mut host, &index.score_call(swapped)),
        error(IAttrSpan::HitOrder { hit: U256::from(3) })
    );
    let mut twice = hits.clone();
    twice.insert(1, hits[0].clone());
    assert_eq!(
        refused(&mut host, &index.score_call(twice)),
        error(IAttrSpan::HitOrder { hit: U256::from(1) })
    );
    // Fewer hits are sound, only not complete.
    let fewer = returned(&mut host, &index.score_call(Vec::new()));
    assert_eq!(fewer.covered, 0);
}

#[test]
fn an_omission_that_matters_is_proven() {
    let mut host = host();
    let index = Proved::new(&mut host, |_| {});
    let hits = index.hits(&query());
    // Without the first run: put one hit of it back, then the next one is missing.
    let lonely = hits
        .iter()
        .filter(|hit| hit.cluster != 1)
        .cloned()
        .collect::<Vec<_>>();
    let of_run: Vec<_> = hits
        .iter()
        .filter(|hit| hit.cluster == 1)
        .cloned()
        .collect();
    let mut claimed = lonely.clone();
    claimed.push(of_run[0].clone());
    claimed.sort_by_key(|hit| (hit.pos, hit.leaf));
    let good = index.omission_call(claimed.clone(), of_run[1].clone());
    assert!(returned(&mut host, &good));

    // A complete claim omits nothing, and what is in the claim isn't missing.
    let complete = index.omission_call(hits.clone(), of_run[1].clone());
    assert!(!returned(&mut host, &complete));
    // A single k-gram is shorter than a span: it changes nothing.
    assert!(!returned(
        &mut host,
        &index.omission_call(lonely, of_run[0].clone())
    ));

    let mut no = |edit: &dyn Fn(&mut IAttrSpan::provesOmissionCall)| {
        let mut call = good.clone();
        edit(&mut call);
        !returned(&mut host, &call)
    };
    assert!(no(&|call| call.claimedHitsHash = B256::ZERO));
    assert!(no(&|call| call.missing.pos += 1));
    assert!(no(&|call| call.missing.pos = u32::MAX));
    assert!(no(&|call| call.missing.proof[0] = B256::ZERO));
    assert!(no(&|call| call.missing.cluster += 1));
    assert!(no(&|call| call.tokens = vec![]));
    assert!(no(&|call| {
        call.claimed.swap(0, 1);
        call.claimedHitsHash = keccak256(call.claimed.abi_encode());
    }));
    assert!(no(&|call| {
        call.claimed[0].pos += 1;
        call.claimedHitsHash = keccak256(call.claimed.abi_encode());
    }));
    assert!(no(&|call| {
        call.claimed[0].leaf = u32::MAX;
        call.claimed.sort_by_key(|hit| (hit.pos, hit.leaf));
        call.claimedHitsHash = keccak256(call.claimed.abi_encode());
    }));
    // An empty claim is well formed.
    let two = index.omission_call(vec![of_run[0].clone()], of_run[1].clone());
    assert!(returned(&mut host, &two));
    let unknown = IAttrSpan::provesOmissionCall {
        id: 99,
        ..good.clone()
    };
    assert_eq!(
        refused(&mut host, &unknown),
        error(IAttrSpan::UnknownIndex { id: 99 })
    );
    let (id, ..) = native(&mut host);
    assert!(!returned(
        &mut host,
        &IAttrSpan::provesOmissionCall { id, ..good }
    ));
}

#[test]
fn a_disordered_index_is_proven_so() {
    let mut host = host();
    let index = Proved::new(&mut host, |entries| {
        entries.swap(10, 11);
        entries[21] = entries[20];
    });
    let disorder = |a: u32, b: u32| IAttrSpan::provesDisorderCall {
        id: index.id,
        leafA: index.hit(0, a),
        leafB: index.hit(0, b),
    };
    assert!(returned(&mut host, &disorder(10, 11)));
    assert!(returned(&mut host, &disorder(20, 21)));
    assert!(!returned(&mut host, &disorder(11, 10)));
    assert!(!returned(&mut host, &disorder(5, 6)));
    assert!(!returned(&mut host, &disorder(10, 12)));
    assert!(!returned(&mut host, &disorder(10, 10)));
    let mut wrong = disorder(10, 11);
    wrong.leafB.locus = 0u64.try_into().unwrap();
    assert!(!returned(&mut host, &wrong));
}
