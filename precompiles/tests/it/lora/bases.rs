//! Registering bases.

use super::*;

#[test]
fn anyone_registers_a_base_and_the_timelock_one_with_a_share() {
    let mut world = World::new();
    let base = small_base(0);
    let id = call(&mut world, OTHER, &registerBaseCall { base }).unwrap();
    assert_eq!(id, 1);
    let event = BaseRegistered {
        id: 1,
        configHash: keccak256("config"),
    };
    assert_eq!(world.logs.len(), 1);
    assert_eq!(world.logs[0].address, LORA);
    assert_eq!(world.logs[0].data, event.encode_log_data());
    let base = small_base(500);
    refused(
        call(&mut world, OTHER, &registerBaseCall { base: base.clone() }),
        CommonErrors::Unauthorized { caller: OTHER },
    );
    assert_eq!(register_base(&mut world, base), 2);
    let got = get(&mut world, 2);
    assert_eq!(got.adapter.base, 2);
    assert_eq!(got.adapter.developer, PARAMETER_TIMELOCK);
    assert_eq!(got.adapter.absBps, 500);
    assert_eq!(got.adapter.licence, keccak256("licence"));
    assert_eq!((got.params, got.depth, got.ancestors), (0, 0, 0));
}

#[test]
fn malformed_bases_are_refused() {
    let mut world = World::new();
    let mut refuse = |change: &dyn Fn(&mut Base), error: Vec<u8>| {
        let mut base = small_base(0);
        change(&mut base);
        let data = call(&mut world, OTHER, &registerBaseCall { base }).unwrap_err();
        assert_eq!(data, error);
    };
    let bytes = |len: usize| Bytes::from(vec![b'a'; len]);
    refuse(
        &|base| base.namePrefix = bytes(65),
        BadPrefix {}.abi_encode(),
    );
    refuse(
        &|base| base.namePrefix = "a\"".into(),
        BadPrefix {}.abi_encode(),
    );
    refuse(
        &|base| base.namePrefix = "é".into(),
        BadPrefix {}.abi_encode(),
    );
    refuse(
        &|base| base.layers = 0,
        BadLayers { layers: 0 }.abi_encode(),
    );
    refuse(
        &|base| base.layers = 513,
        BadLayers { layers: 513 }.abi_encode(),
    );
    refuse(
        &|base| base.modules.clear(),
        BadModuleCount { count: 0 }.abi_encode(),
    );
    let many = |base: &mut Base| {
        base.modules = (0..33).map(|i| module(&format!("m{i}"), 1, 1)).collect();
    };
    refuse(&many, BadModuleCount { count: 33 }.abi_encode());
    refuse(
        &|base| base.modules[1].path = bytes(0),
        BadModule { index: 1 }.abi_encode(),
    );
    refuse(
        &|base| base.modules[1].path = bytes(65),
        BadModule { index: 1 }.abi_encode(),
    );
    refuse(
        &|base| base.modules[1].path = "a\\b".into(),
        BadModule { index: 1 }.abi_encode(),
    );
    refuse(
        &|base| base.modules[0].inDim = 0,
        BadModule { index: 0 }.abi_encode(),
    );
    refuse(
        &|base| base.modules[0].outDim = 0,
        BadModule { index: 0 }.abi_encode(),
    );
    let twice = |base: &mut Base| base.modules[1].path = base.modules[0].path.clone();
    refuse(&twice, DuplicateModule { index: 1 }.abi_encode());
}
