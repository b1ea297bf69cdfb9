//! Uploaded headers.

use super::*;

#[test]
fn a_long_header_is_uploaded_first() {
    let mut world = World::new();
    let modules = (0..32)
        .map(|i| module(&format!("mlp.experts.{i}.down_proj"), 16, 16))
        .collect();
    let base = base(40, 0, modules);
    let id = register_base(&mut world, base.clone());
    let draft = draft_for(id, &base, u32::MAX, 0..40, 4, 1);
    let length = draft.header.len();
    assert!((300_000..393_216).contains(&length), "{length}");
    let hash = draft.adapter.headerHash;
    let mut call_for = draft.call();
    call_for.header = Bytes::new();
    commit(&mut world, draft.commitment());
    world.skip_blocks(2);
    refused(
        call(&mut world, DEVELOPER, &call_for),
        HeaderNotUploaded { headerHash: hash },
    );
    let upload = |part, chunk: &[u8]| uploadHeaderCall {
        headerHash: hash,
        part,
        chunk: chunk.to_vec().into(),
    };
    for length in [0, 24_576] {
        refused(
            call(&mut world, DEVELOPER, &upload(0, &vec![0; length])),
            BadChunkLength {
                length: length as u64,
            },
        );
    }
    refused(
        call(&mut world, DEVELOPER, &upload(1, b"x")),
        BadPart { expected: 0 },
    );
    // A false start, which ends in a short page, is begun anew.
    call(&mut world, DEVELOPER, &upload(0, b"x")).unwrap();
    refused(
        call(&mut world, DEVELOPER, &upload(1, b"x")),
        PartialPage { part: 0 },
    );
    for (part, chunk) in (0..).zip(draft.header.chunks(24_575)) {
        call(&mut world, DEVELOPER, &upload(part, chunk)).unwrap();
        let repeated = upload(part + 2, chunk);
        refused(
            call(&mut world, DEVELOPER, &repeated),
            BadPart { expected: part + 1 },
        );
    }
    // Another's upload is another's.
    refused(
        call(&mut world, OTHER, &{
            let mut call_for = call_for.clone();
            call_for.adapter.developer = OTHER;
            call_for
        }),
        HeaderNotUploaded { headerHash: hash },
    );
    let registered = call(&mut world, DEVELOPER, &call_for).unwrap();
    assert_eq!(get(&mut world, registered).params, 40 * 32 * 4 * 32);
}

#[test]
fn headers_have_a_longest_length() {
    let (mut world, base) = world_with_base();
    let good = draft(base, 1);
    let padded = |length: usize| {
        let mut json = String::from_utf8(good.header[8..].to_vec()).unwrap();
        json.push_str(&" ".repeat(length - good.header.len()));
        good.clone().header(wrap(&json))
    };
    let max = 96 * 1_024;
    assert!(register(&mut world, &padded(max)).is_ok());
    refused(
        register(&mut world, &padded(max + 1)),
        HeaderTooLong {
            length: max as u64 + 1,
            max: max as u64,
        },
    );
    // 16 full pages are 16 bytes short of 384 KiB.
    let hash = B256::ZERO;
    for part in 0..16 {
        let chunk = Bytes::from(vec![b' '; 24_575]);
        let upload = uploadHeaderCall {
            headerHash: hash,
            part,
            chunk,
        };
        call(&mut world, OTHER, &upload).unwrap();
    }
    let last = |length: usize| uploadHeaderCall {
        headerHash: hash,
        part: 16,
        chunk: vec![b' '; length].into(),
    };
    refused(
        call(&mut world, OTHER, &last(17)),
        HeaderTooLong {
            length: 393_217,
            max: 393_216,
        },
    );
    call(&mut world, OTHER, &last(16)).unwrap();
}
