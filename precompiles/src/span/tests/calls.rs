//! An index's life by calls: opened, filled, sealed, refused.

use super::{super::*, world::*};
use proptest::{collection::vec, prelude::*};

#[test]
fn an_index_is_opened_with_the_drawn_salt_alone() {
    let mut host = host();
    let datanet = DATANET;
    let nothing = error(IAttrSpan::NothingCommitted { datanet });
    assert_eq!(refused(&mut host, &open_call(0)), nothing);

    let token_root = B256::repeat_byte(3);
    let id = returned(
        &mut host,
        &IAttrSpan::commitTokensCall {
            datanet,
            tokenRoot: token_root,
        },
    );
    assert_eq!(id, 1);
    let drawn = draw(keccak256("hash"), id);
    host.block_number = START + 1;
    assert_eq!(
        refused(&mut host, &open_call(drawn)),
        error(IAttrSpan::SaltWindow {
            first: START + 2,
            last: START + 250
        })
    );
    host.block_number = START + 251;
    assert_eq!(
        refused(&mut host, &open_call(drawn)),
        error(IAttrSpan::SaltWindow {
            first: START + 2,
            last: START + 250
        })
    );
    host.block_number = START + 250;
    assert_eq!(
        refused(&mut host, &open_call(drawn ^ 1)),
        error(IAttrSpan::WrongSalt {
            given: drawn ^ 1,
            drawn
        })
    );
    for (k, w, expected) in [
        (3, 8, error(IAttrSpan::BadK { k: 3 })),
        (13, 8, error(IAttrSpan::BadK { k: 13 })),
        (6, 1, error(IAttrSpan::BadW { w: 1 })),
        (6, 33, error(IAttrSpan::BadW { w: 33 })),
    ] {
        let call = IAttrSpan::openIndexCall {
            k,
            w,
            ..open_call(drawn)
        };
        assert_eq!(refused(&mut host, &call), expected);
    }
    let slot = U256::from((START + 1) % 8_191);
    let mut without = host.clone();
    without.insert_slot(HISTORY_STORAGE, slot, U256::ZERO);
    assert_eq!(
        refused(&mut without, &open_call(drawn)),
        error(IAttrSpan::NoBlockHash {
            blockNumber: START + 1
        })
    );
    // Somebody else's commitment is nobody's but theirs.
    assert_eq!(
        call(&mut host, OTHER, &open_call(drawn)).0,
        Err(nothing.clone())
    );
    // It isn't an index yet.
    assert_eq!(
        refused(&mut host, &IAttrSpan::sealCall { id }),
        error(IAttrSpan::UnknownIndex { id })
    );
    assert_eq!(returned(&mut host, &open_call(drawn)), id);
    assert_eq!(refused(&mut host, &open_call(drawn)), nothing);

    let header = returned(&mut host, &IAttrSpan::headerCall { id });
    assert_eq!(
        header,
        IAttrSpan::IndexHeader {
            datanet,
            owner: OWNER,
            k: 6,
            w: 8,
            mode: 0,
            length: 0,
            salt: drawn,
            committedBlock: START,
            sealedBlock: 0,
            tokenizerHash: B256::repeat_byte(4),
            tokenRoot: token_root,
            root: B256::ZERO,
        }
    );
}

#[test]
fn pages_fill_up_and_hold_what_was_appended() {
    let mut host = host();
    let (id, _) = open(&mut host);
    let entry = |n: u64| Entry {
        fingerprint: n,
        cluster: 7,
        locus: n,
    };
    let all: Vec<Entry> = (0..2 * ENTRIES_PER_PAGE as u64 + 10).map(entry).collect();
    let (first, second) = all.split_at(ENTRIES_PER_PAGE);
    let append = |entries: &[Entry]| IAttrSpan::appendEntriesCall {
        id,
        entries: bytes(entries),
    };

    let (result, gas_used) = call(&mut host, OWNER, &append(first));
    assert!(result.is_ok());
    let data_len = append(first).abi_encode().len() as u64;
    let event = prices::log(2, 64);
    assert_eq!(
        gas_used,
        prices::call(data_len)
            + 4 * prices::SLOT_COLD
            + prices::page_write(ENTRIES_PER_PAGE as u64 * 16 + 1)
            + prices::SLOT_SET
            + prices::SLOT_RESET
            + event
    );
    // Not above the last one.
    assert_eq!(
        refused(&mut host, &append(&first[first.len() - 1..])),
        error(IAttrSpan::EntryOrder { entry: 1_535 })
    );
    let swapped = [second[1], second[0]];
    assert_eq!(
        refused(&mut host, &append(&swapped)),
        error(IAttrSpan::EntryOrder { entry: 1_536 })
    );
    returned(&mut host, &append(second));
    assert_eq!(
        refused(&mut host, &append(&[entry(u64::from(u32::MAX))])),
        error(IAttrSpan::PartialPage { id })
    );
    for (page, expected) in (0u32..).zip(all.chunks(ENTRIES_PER_PAGE)) {
        let address = page_address(SPAN, id, page);
        let code = crate::Host::code(&mut host, address).unwrap();
        assert_eq!(code, Bytes::from([&[0][..], &bytes(expected)].concat()));
    }
    assert_eq!(
        refused(
            &mut host,
            &IAttrSpan::appendEntriesCall {
                id,
                entries: Bytes::new()
            }
        ),
        error(IAttrSpan::BadEntries { length: U256::ZERO })
    );
    let entries = Bytes::from_static(&[0; 17]);
    assert_eq!(
        refused(&mut host, &IAttrSpan::appendEntriesCall { id, entries }),
        error(IAttrSpan::BadEntries {
            length: U256::from(17)
        })
    );
    let header = returned(&mut host, &IAttrSpan::headerCall { id });
    assert_eq!((header.mode, header.length), (1, 2 * 1_535 + 10));
}

#[test]
fn an_index_has_room_for_64_pages() {
    let mut host = host();
    let (id, _) = open(&mut host);
    let entry = |n: u64| Entry {
        fingerprint: n,
        cluster: 7,
        locus: n,
    };
    let mut next = 0u64;
    let mut append = |host: &mut MemoryHost, pages: usize, more: usize| {
        let count = (pages * ENTRIES_PER_PAGE + more) as u64;
        let entries: Vec<Entry> = (next..next + count).map(entry).collect();
        let result = call(
            host,
            OWNER,
            &IAttrSpan::appendEntriesCall {
                id,
                entries: bytes(&entries),
            },
        )
        .0;
        if result.is_ok() {
            next += count;
        }
        result.map(|_| ())
    };
    for _ in 0..12 {
        append(&mut host, 5, 0).unwrap();
    }
    assert_eq!(
        append(&mut host, 4, 1),
        Err(error(IAttrSpan::IndexFull {
            entries: U256::from(98_241),
            max: 98_240
        }))
    );
    append(&mut host, 4, 0).unwrap();
    assert_eq!(
        append(&mut host, 0, 1),
        Err(error(IAttrSpan::IndexFull {
            entries: U256::from(98_241),
            max: 98_240
        }))
    );
    returned(&mut host, &IAttrSpan::sealCall { id });
    host.block_number += 1;
    let score = IAttrSpan::scoreSpansCall {
        id,
        tokens: vec![5; 100],
        dfCap: 3,
        minSpan: 8,
    };
    let (result, gas_used) = call(&mut host, OTHER, &score);
    assert_eq!(result.unwrap().covered, 0);
    let expected = prices::call(score.abi_encode().len() as u64)
        + 2 * prices::SLOT_COLD
        + 324 * 100
        + 64 * prices::page_read(true, 1_535 * 16 + 1);
    assert_eq!(gas_used, expected);
}

#[test]
fn only_the_owner_writes_and_only_until_the_seal() {
    let mut host = host();
    let (id, salt) = open(&mut host);
    let append = IAttrSpan::appendEntriesCall {
        id,
        entries: bytes(&entries(salt)),
    };
    let root = IAttrSpan::commitRootCall {
        id,
        root: DATANET,
        leaves: 4,
    };
    let seal = IAttrSpan::sealCall { id };
    let unauthorized = error(CommonErrors::Unauthorized { caller: OTHER });
    assert_eq!(
        call(&mut host, OTHER, &append).0.err(),
        Some(unauthorized.clone())
    );
    assert_eq!(
        call(&mut host, OTHER, &root).0.err(),
        Some(unauthorized.clone())
    );
    assert_eq!(call(&mut host, OTHER, &seal).0.err(), Some(unauthorized));

    assert_eq!(
        refused(&mut host, &seal),
        error(IAttrSpan::WrongMode { id, mode: 0 })
    );
    let no_leaves = IAttrSpan::commitRootCall {
        id,
        root: DATANET,
        leaves: 0,
    };
    assert_eq!(
        refused(&mut host, &no_leaves),
        error(IAttrSpan::NoLeaves {})
    );
    returned(&mut host, &append);
    assert_eq!(
        refused(&mut host, &root),
        error(IAttrSpan::WrongMode { id, mode: 1 })
    );

    let score = IAttrSpan::scoreSpansCall {
        id,
        tokens: query(),
        dfCap: 3,
        minSpan: 8,
    };
    let not_sealed = error(IAttrSpan::NotSealed { id });
    assert_eq!(refused(&mut host, &score), not_sealed);
    returned(&mut host, &seal);
    // In the block of the seal neither.
    assert_eq!(refused(&mut host, &score), not_sealed);
    let sealed = error(IAttrSpan::AlreadySealed { id });
    assert_eq!(refused(&mut host, &append), sealed);
    assert_eq!(refused(&mut host, &root), sealed);
    assert_eq!(refused(&mut host, &seal), sealed);
    host.block_number += 1;
    returned(&mut host, &score);

    let unknown = IAttrSpan::scoreSpansCall {
        id: 77,
        ..score.clone()
    };
    assert_eq!(
        refused(&mut host, &unknown),
        error(IAttrSpan::UnknownIndex { id: 77 })
    );
    let proved = IAttrSpan::scoreSpansProvedCall {
        id,
        tokens: query(),
        hits: vec![],
        dfCap: 3,
        minSpan: 8,
    };
    assert_eq!(
        refused(&mut host, &proved),
        error(IAttrSpan::WrongMode { id, mode: 1 })
    );
    let too_long = IAttrSpan::scoreSpansCall {
        tokens: vec![1; 4_091],
        ..score.clone()
    };
    assert_eq!(
        refused(&mut host, &too_long),
        error(CommonErrors::BadAbi {})
    );
    assert!(matches!(
        require_tokens(TOKENS_MAX + 1),
        Err(Stop::Revert(_))
    ));
    let longest = IAttrSpan::scoreSpansCall {
        tokens: vec![1; 4_090],
        ..score
    };
    returned(&mut host, &longest);
}

#[test]
fn writes_are_refused_under_static_and_while_paused() {
    let mut host = host();
    let (id, _) = open(&mut host);
    let writes = [
        IAttrSpan::commitTokensCall {
            datanet: DATANET,
            tokenRoot: DATANET,
        }
        .abi_encode(),
        open_call(0).abi_encode(),
        IAttrSpan::appendEntriesCall {
            id,
            entries: Bytes::from_static(&[1; 16]),
        }
        .abi_encode(),
        IAttrSpan::commitRootCall {
            id,
            root: DATANET,
            leaves: 1,
        }
        .abi_encode(),
        IAttrSpan::sealCall { id }.abi_encode(),
    ];
    let reads = [
        IAttrSpan::scoreSpansCall {
            id,
            tokens: vec![],
            dfCap: 3,
            minSpan: 8,
        }
        .abi_encode(),
        IAttrSpan::scoreSpansProvedCall {
            id,
            tokens: vec![],
            hits: vec![],
            dfCap: 3,
            minSpan: 8,
        }
        .abi_encode(),
    ];
    for data in &writes {
        assert!(matches!(
            call_raw(&mut host, OWNER, true, data, GAS),
            Outcome::Revert { output, .. } if output == error(CommonErrors::StaticWrite {})
        ));
    }
    for data in writes.iter().chain(&reads) {
        let selector = *data.first_chunk::<4>().unwrap();
        let mut pause = keccak256("setPaused(bytes4,uint64)")[..4].to_vec();
        let until = host.timestamp + 60;
        let selector = alloy_primitives::FixedBytes::<4>::from(selector);
        pause.extend_from_slice(&(selector, until).abi_encode_params());
        let outcome = call_raw(&mut host, PARAMETER_TIMELOCK, false, &pause, GAS);
        assert!(matches!(outcome, Outcome::Success { .. }), "{outcome:?}");
        assert!(matches!(
            call_raw(&mut host, OWNER, false, data, GAS),
            Outcome::Revert { output, .. } if output == error(CommonErrors::Paused { selector, until })
        ));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Any calldata, gas and caller: no panic, the same result twice, and a revert leaves no trace.
    #[test]
    fn any_call_is_answered(
        function in 0usize..11,
        proved in any::<bool>(),
        words in vec(prop_oneof![0u64..300, any::<u64>()], 0..14),
        gas in prop_oneof![0u64..60_000, Just(GAS)],
        caller in prop_oneof![Just(OWNER), Just(OTHER)],
        is_static in any::<bool>(),
    ) {
        let mut host = host();
        if proved {
            Proved::new(&mut host, |_| {});
        } else {
            native(&mut host);
        }
        let selectors = [
            IAttrSpan::commitTokensCall::SELECTOR, IAttrSpan::openIndexCall::SELECTOR,
            IAttrSpan::appendEntriesCall::SELECTOR, IAttrSpan::commitRootCall::SELECTOR,
            IAttrSpan::sealCall::SELECTOR, IAttrSpan::scoreSpansCall::SELECTOR,
            IAttrSpan::scoreSpansProvedCall::SELECTOR, IAttrSpan::provesOmissionCall::SELECTOR,
            IAttrSpan::provesDisorderCall::SELECTOR, IAttrSpan::headerCall::SELECTOR, [1, 2, 3, 4],
        ];
        let mut data = selectors[function].to_vec();
        for word in words {
            data.extend_from_slice(&U256::from(word).to_be_bytes::<32>());
        }
        let before = host.snapshot();
        let mut again = host.clone();
        let outcome = call_raw(&mut host, caller, is_static, &data, gas);
        prop_assert_eq!(&outcome, &call_raw(&mut again, caller, is_static, &data, gas));
        prop_assert_eq!(host.snapshot(), again.snapshot());
        if !matches!(outcome, Outcome::Success { .. }) {
            prop_assert_eq!(host.snapshot(), before);
        }
    }
}
