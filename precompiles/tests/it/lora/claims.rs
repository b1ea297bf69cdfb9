//! Commitments and signatures.

use super::*;

#[test]
fn commitments_age_and_keep_their_place() {
    let (mut world, base) = world_with_base();
    let draft = draft(base, 1);
    let h = draft.commitment();
    refused(
        call(&mut world, DEVELOPER, &draft.call()),
        UnknownCommitment { h },
    );
    commit(&mut world, h);
    refused(
        call(&mut world, OTHER, &commitAdapterCall { h }),
        AlreadyCommitted { h },
    );
    let committed_at = world.host.block_number;
    for _ in 0..2 {
        refused(
            call(&mut world, DEVELOPER, &draft.call()),
            CommitmentTooYoung {
                committedAt: committed_at,
            },
        );
        world.skip_blocks(1);
    }
    let id = call(&mut world, DEVELOPER, &draft.call()).unwrap();
    refused(
        call(&mut world, DEVELOPER, &draft.call()),
        DuplicateWeights { id },
    );
}

#[test]
fn the_earliest_commitment_has_the_weights() {
    let (mut world, base) = world_with_base();
    let by =
        |byte: u8| draft(base, 1).with(|adapter| adapter.developer = Address::repeat_byte(byte));
    let (first, second, third) = (by(1), by(2), by(3));
    // All in one block: their order within it decides.
    for draft in [&first, &second, &third] {
        commit(&mut world, draft.commitment());
    }
    world.skip_blocks(2);
    let register =
        |world: &mut World, draft: &Draft| call(world, draft.adapter.developer, &draft.call());
    let id_second = register(&mut world, &second).unwrap();
    refused(
        register(&mut world, &third),
        DuplicateWeights { id: id_second },
    );
    let id_first = register(&mut world, &first).unwrap();
    let changed = StatusChanged {
        id: id_second,
        status: 2,
    };
    assert_eq!(world.logs[1].data, changed.encode_log_data());
    refused(
        register(&mut world, &third),
        DuplicateWeights { id: id_first },
    );
    refused(
        register(&mut world, &second),
        DuplicateWeights { id: id_first },
    );
    // The displaced one can't be a parent; its own record stays.
    let child = draft(base, 2).parents(&[(id_second, 1)]);
    refused(
        self::register(&mut world, &child),
        ParentDisputed { id: id_second },
    );
    assert_eq!(get(&mut world, id_second).adapter, second.adapter);
    // The same header with other data is another adapter.
    assert!(self::register(&mut world, &draft(base, 3)).is_ok());
}

#[test]
fn a_signed_registration_is_the_signers_and_works_once() {
    let (mut world, base) = world_with_base();
    let mine = |seed| draft(base, seed).with(|adapter| adapter.developer = SIGNER);
    let first = mine(1);
    commit(&mut world, first.commitment());
    world.skip_blocks(2);
    let now = world.host.timestamp;

    let late = signed(&world, &first, 0, now - 1);
    refused(
        call(&mut world, OTHER, &late),
        SignatureExpired {
            deadline: U256::from(now - 1),
        },
    );
    let ahead = signed(&world, &first, 1, now);
    refused(
        call(&mut world, OTHER, &ahead),
        BadNonce {
            expected: U256::ZERO,
        },
    );
    let mut garbled = signed(&world, &first, 0, now);
    garbled.sig = garbled.sig[..64].to_vec().into();
    refused(call(&mut world, OTHER, &garbled), BadSignature {});
    // Anything that was signed otherwise recovers to someone else.
    let mut changed = signed(&world, &first, 0, now);
    changed.adapter.absBps = 1;
    let data = call(&mut world, OTHER, &changed).unwrap_err();
    assert_eq!(data[..4], selector::<DeveloperMismatch>());
    let mut changed = signed(&world, &first, 0, now);
    changed.deadline += U256::ONE;
    let data = call(&mut world, OTHER, &changed).unwrap_err();
    assert_eq!(data[..4], selector::<DeveloperMismatch>());

    let good = signed(&world, &first, 0, now);
    let id = call(&mut world, OTHER, &good).unwrap();
    assert_eq!(get(&mut world, id).adapter.developer, SIGNER);
    assert_eq!(
        view(&mut world, &noncesCall { developer: SIGNER }),
        U256::ONE
    );
    refused(
        call(&mut world, OTHER, &good),
        BadNonce {
            expected: U256::ONE,
        },
    );

    let second = mine(2);
    commit(&mut world, second.commitment());
    world.skip_blocks(2);
    let now = world.host.timestamp;
    let good = signed(&world, &second, 1, now);
    assert!(call(&mut world, OTHER, &good).is_ok());
    // A refusal leaves the nonce.
    let third = mine(3);
    let uncommitted = signed(&world, &third, 2, now);
    refused(
        call(&mut world, OTHER, &uncommitted),
        UnknownCommitment {
            h: third.commitment(),
        },
    );
    assert_eq!(
        view(&mut world, &noncesCall { developer: SIGNER }),
        U256::from(2)
    );
}
