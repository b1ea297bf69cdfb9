use openledger_precompiles::{GENESIS_ADDRESSES, GENESIS_CODE, GENESIS_NONCE, addresses};
use serde_json::Value;

/// The genesis layout that nodes are built with has the accounts that the crate asks for.
#[test]
fn the_layout_has_the_four_accounts() {
    let layout: Value =
        serde_json::from_str(include_str!("../../../contracts/genesis/layout.json")).unwrap();
    assert_eq!(layout["nonce"], GENESIS_NONCE);
    let accounts = layout["precompiles"].as_array().unwrap();
    assert_eq!(accounts.len(), GENESIS_ADDRESSES.len());
    for (account, address) in accounts.iter().zip(GENESIS_ADDRESSES) {
        let text = account["address"].as_str().unwrap();
        assert_eq!(text.parse::<alloy_primitives::Address>().unwrap(), address);
        let code: alloy_primitives::Bytes = account["code"].as_str().unwrap().parse().unwrap();
        assert_eq!(code[..], GENESIS_CODE);
    }
}

#[test]
fn calls_are_answered_at_those_addresses_alone() {
    let answered: Vec<_> = addresses().collect();
    assert!(
        answered
            .iter()
            .all(|address| GENESIS_ADDRESSES.contains(address))
    );
    assert!(answered.is_sorted());
}
