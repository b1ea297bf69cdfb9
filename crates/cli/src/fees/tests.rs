//! The command against real contracts.

use super::{change::present, price::FeeSettings};
use crate::{
    bridge::ConnectionArgs,
    testing::{CHAIN, DEPLOYER_KEY, Site},
};
use alloy_eips::BlockId;
use alloy_primitives::{Address, address};
use alloy_sol_types::{SolCall, sol};
use clap::{Args, FromArgMatches};
use openledger_chain::ChainFiles;
use openledger_l1::{TxCandidate, TxSender, TxSenderConfig};
use tokio_util::sync::CancellationToken;

/// The second account that anvil funds.
const OWNER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const OWNER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

sol! {
    function transferOwnership(address newOwner) external;
}

/// A chain whose `SystemConfig` the owner owns directly.
fn chain() -> String {
    let owner = format!("owner = \"{OWNER}\"\nbatcher = ");
    let chain = CHAIN.replace(
        "owner = \"0x0000000000000000000000000000000000000001\"\n    batcher = ",
        &owner,
    );
    assert!(chain.contains(&owner));
    format!("{chain}\n[timelocks]\nparameter-delay-seconds = 0")
}

async fn in_force(site: &Site) -> FeeSettings {
    let (url, out) = (site.anvil.url(), site.out());
    let command = ConnectionArgs::augment_args(clap::Command::new("test"));
    let chain = ["test", "--chain", out.to_str().unwrap()];
    let matches = command.get_matches_from([&chain[..], &["--l1.rpc-url", &url]].concat());
    let args = ConnectionArgs::from_arg_matches(&matches).unwrap();
    present(&args.open().await.unwrap()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_follow_the_rate_and_their_owner() {
    let Some(site) = Site::start(&[]).await else {
        return;
    };
    assert!(site.deploy(&chain()).await.unwrap());
    let before = in_force(&site).await;
    let calldata = ["--carrier", "calldata", "--batch-bytes", "119900"];

    // Only the owner's key does it, and a dry run does nothing.
    let error = site
        .set_fees("2", DEPLOYER_KEY, &calldata)
        .await
        .unwrap_err();
    assert!(error.to_string().contains(&OWNER.to_string()), "{error:#}");
    let dry = site
        .set_fees("2", OWNER_KEY, &[&calldata[..], &["--dry-run"]].concat())
        .await;
    assert!(dry.unwrap());
    assert_eq!(in_force(&site).await, before);

    // 21,000 + 40 × (119,900 + 24) gas are 40.183153 a byte, and a sixteenth of that × 2 is the scalar.
    assert!(site.set_fees("2", OWNER_KEY, &calldata).await.unwrap());
    let expected = FeeSettings {
        base_fee_scalar: 5_022_895,
        blob_base_fee_scalar: 0,
        ..FeeSettings::default()
    };
    assert_eq!(in_force(&site).await, expected);

    // At its limit, the operator fee takes the rest.
    let high = [&calldata[..], &["--l1.base-fee-gwei", "1"]].concat();
    assert!(site.set_fees("10000", OWNER_KEY, &high).await.unwrap());
    let saturated = in_force(&site).await;
    assert_eq!(saturated.base_fee_scalar, u32::MAX);
    assert!(saturated.operator_fee_constant > 0);
    let kept = [&calldata[..], &["--keep-operator-fee"]].concat();
    assert!(site.set_fees("2", OWNER_KEY, &kept).await.unwrap());
    let kept = in_force(&site).await;
    assert_eq!(kept.base_fee_scalar, expected.base_fee_scalar);
    assert_eq!(kept.operator_fee_constant, saturated.operator_fee_constant);

    // Behind a timelock the calls are printed, and nothing is sent.
    let out = site.out();
    let mut files = ChainFiles::read(&out).unwrap();
    let contracts = &mut files.l1.contracts;
    contracts.parameter_timelock = contracts.code_timelock;
    let call = transferOwnershipCall {
        newOwner: contracts.code_timelock,
    };
    let client = &site.client;
    let stop = CancellationToken::new();
    let key: alloy_signer_local::PrivateKeySigner = OWNER_KEY.parse().unwrap();
    let (sender, _task) =
        TxSender::spawn(client.clone(), key, TxSenderConfig::default(), stop.clone());
    let _stop = stop.drop_guard();
    let candidate = TxCandidate::call(contracts.system_config, call.abi_encode());
    assert!(sender.send_and_confirm(candidate).await.unwrap().success);
    files.write(&out).unwrap();
    let nonce = client.nonce(OWNER, BlockId::latest()).await.unwrap();
    assert!(site.set_fees("3", OWNER_KEY, &calldata).await.unwrap());
    assert_eq!(in_force(&site).await, kept);
    let after = client.nonce(OWNER, BlockId::latest()).await.unwrap();
    assert_eq!(after, nonce);
}
