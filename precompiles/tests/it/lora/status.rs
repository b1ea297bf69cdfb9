//! Status and data.

use super::*;

#[test]
fn status_is_the_developers_and_disputes_are_the_timelocks() {
    let (mut world, base) = world_with_base();
    let id = register(&mut world, &draft(base, 1)).unwrap();
    let set = |status| setStatusCall { id, status };
    call(&mut world, DEVELOPER, &set(1)).unwrap();
    assert_eq!(
        world.logs[0].data,
        StatusChanged { id, status: 1 }.encode_log_data()
    );
    call(&mut world, DEVELOPER, &set(0)).unwrap();
    let unauthorized = |caller| CommonErrors::Unauthorized { caller };
    for caller in [OTHER, PARAMETER_TIMELOCK] {
        refused(call(&mut world, caller, &set(1)), unauthorized(caller));
    }
    refused(
        call(&mut world, DEVELOPER, &set(2)),
        unauthorized(DEVELOPER),
    );
    refused(
        call(&mut world, DEVELOPER, &set(3)),
        BadStatus { status: 3 },
    );
    call(&mut world, PARAMETER_TIMELOCK, &set(2)).unwrap();
    assert_eq!(view(&mut world, &statusOfCall { id }), 2);
    assert_eq!(view(&mut world, &statusOfCall { id: base }), 0);
    refused(
        call(&mut world, OTHER, &statusOfCall { id: 9 }),
        UnknownNode { id: 9 },
    );
    refused(
        call(&mut world, DEVELOPER, &set(0)),
        unauthorized(DEVELOPER),
    );
    refused(
        call(&mut world, PARAMETER_TIMELOCK, &set(3)),
        BadStatus { status: 3 },
    );
    call(&mut world, PARAMETER_TIMELOCK, &set(1)).unwrap();
    call(&mut world, DEVELOPER, &set(0)).unwrap();
    let unknown = setStatusCall { id: 9, status: 0 };
    refused(call(&mut world, OTHER, &unknown), UnknownNode { id: 9 });
    // A base's payee is its registrant.
    let of_base = setStatusCall {
        id: base,
        status: 1,
    };
    refused(
        call(&mut world, DEVELOPER, &of_base),
        unauthorized(DEVELOPER),
    );
    call(&mut world, PARAMETER_TIMELOCK, &of_base).unwrap();
}

#[test]
fn chunks_are_verified_whole_and_in_their_place() {
    let mut world = World::new();
    let base = base(8, 0, vec![module("q", 256, 256)]);
    let id = register_base(&mut world, base.clone());
    let draft = draft_for(id, &base, 1, 0..5, 3, 1);
    // 5 layers × 3 × 512 × 2 bytes: 15,360, four chunks of which the last is short.
    let data: Vec<u8> = (0..draft.adapter.dataLen)
        .map(|i| (i * i / 7) as u8)
        .collect();
    let leaves: Vec<B256> = (0..)
        .zip(data.chunks(4_096))
        .map(|(index, chunk)| merkle::leaf(index, chunk))
        .collect();
    assert_eq!((data.len(), leaves.len()), (15_360, 4));
    let draft = draft.with(|adapter| adapter.dataRoot = merkle::root(&leaves).unwrap());
    let adapter = register(&mut world, &draft).unwrap();
    let mut verify = |idx: u64, chunk: &[u8], proof: &[B256]| {
        let call = verifyChunkCall {
            id: adapter,
            idx,
            chunk: chunk.to_vec().into(),
            proof: proof.to_vec(),
        };
        view(&mut world, &call)
    };
    for (index, chunk) in data.chunks(4_096).enumerate() {
        let proof = merkle::proof(&leaves, index).unwrap();
        let idx = index as u64;
        assert!(verify(idx, chunk, &proof));
        assert!(!verify(idx ^ 1, chunk, &proof));
        assert!(!verify(idx, &chunk[1..], &proof));
        assert!(!verify(idx, &[chunk, &[0]].concat(), &proof));
        assert!(!verify(idx, chunk, &proof[1..]));
        assert!(!verify(idx, chunk, &[&proof[..], &[B256::ZERO]].concat()));
        assert!(!verify(4, chunk, &proof));
        assert!(!verify(u64::MAX, chunk, &proof));
    }
    let of_base = verifyChunkCall {
        id,
        idx: 0,
        chunk: Bytes::new(),
        proof: vec![],
    };
    refused(call(&mut world, OTHER, &of_base), NotAdapter { id });
}
