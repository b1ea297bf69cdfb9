//! The command against real contracts.

use super::{change::present, price::FeeSettings, run};
use crate::{Cli, Command, bridge::ConnectionArgs, l1};
use alloy_eips::BlockId;
use alloy_primitives::{Address, address};
use alloy_sol_types::{SolCall, sol};
use clap::{Args, FromArgMatches, Parser};
use openledger_chain::ChainFiles;
use openledger_l1::{L1Client, RequestConfig, TxCandidate, TxSender, TxSenderConfig, anvil::Anvil};
use std::{fs, path::Path, process::ExitCode};
use tokio_util::sync::CancellationToken;

/// The first two accounts that anvil funds.
const DEPLOYER_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const OWNER_KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const OWNER: Address = address!("70997970C51812dc3A010C7d01b50e0d17dc79C8");

/// A chain whose `SystemConfig` the owner owns directly.
const CHAIN: &str = r#"
    [l1]
    chain-id = 31337
    confirmations = 1
    [l2]
    chain-id = 1612
    block-time = 1
    [roles]
    owner = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
    batcher = "0x0000000000000000000000000000000000000002"
    proposer = "0x0000000000000000000000000000000000000003"
    challenger = "0x0000000000000000000000000000000000000004"
    guardian = "0x0000000000000000000000000000000000000005"
    unsafe-block-signer = "0x0000000000000000000000000000000000000006"
    treasury = "0x0000000000000000000000000000000000000007"
    fee-recipient = "0x0000000000000000000000000000000000000008"
    l2-proxy-admin-owner = "0x0000000000000000000000000000000000000009"
    [timelocks]
    parameter-delay-seconds = 0
"#;

sol! {
    function transferOwnership(address newOwner) external;
}

fn parse(arguments: &[&str]) -> Command {
    Cli::try_parse_from([&["openledger"], arguments].concat())
        .unwrap()
        .command
}

fn is_success(code: ExitCode) -> bool {
    format!("{code:?}") == format!("{:?}", ExitCode::SUCCESS)
}

/// A chain's files, an owner's key beside them, and the L1.
struct Setting<'a> {
    directory: &'a Path,
    url: String,
}

impl Setting<'_> {
    fn path(&self, name: &str) -> String {
        self.directory.join(name).to_str().unwrap().to_owned()
    }

    async fn deploy(&self) {
        let (config, key, out) = (
            self.path("chain.toml"),
            self.path("deployer"),
            self.path("out"),
        );
        fs::write(&config, CHAIN).unwrap();
        fs::write(&key, DEPLOYER_KEY).unwrap();
        let arguments = ["l1", "deploy", "--config", &config, "--out", &out];
        let more = ["--key-file", &key, "--l1.rpc-url", &self.url];
        let Command::L1(args) = parse(&[&arguments[..], &more].concat()) else {
            panic!("not l1")
        };
        assert!(is_success(l1::run(*args).await.unwrap()));
    }

    /// `fees set` for a rate, with a key.
    async fn set(&self, rate: &str, key: &str, more: &[&str]) -> anyhow::Result<ExitCode> {
        let (file, out) = (self.path("key"), self.path("out"));
        fs::write(&file, key)?;
        let arguments = ["fees", "set", "--chain", &out, "--l1.rpc-url", &self.url];
        let rate = ["--open-per-eth", rate, "--key-file", &file];
        let Command::Fees(args) = parse(&[&arguments[..], &rate, more].concat()) else {
            panic!("not fees")
        };
        run(args).await
    }

    async fn in_force(&self) -> FeeSettings {
        let out = self.path("out");
        let command = ConnectionArgs::augment_args(clap::Command::new("test"));
        let arguments = ["test", "--chain", &out, "--l1.rpc-url", &self.url];
        let matches = command.get_matches_from(arguments);
        let args = ConnectionArgs::from_arg_matches(&matches).unwrap();
        present(&args.open().await.unwrap()).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn fees_follow_the_rate_and_their_owner() {
    let Some(anvil) = Anvil::start(&[]).await.expect("anvil") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let setting = Setting {
        directory: directory.path(),
        url: anvil.url(),
    };
    setting.deploy().await;
    let before = setting.in_force().await;
    let calldata = ["--carrier", "calldata", "--batch-bytes", "119900"];

    // Only the owner's key does it, and a dry run does nothing.
    let error = setting.set("2", DEPLOYER_KEY, &calldata).await.unwrap_err();
    assert!(error.to_string().contains(&OWNER.to_string()), "{error:#}");
    let dry = setting
        .set("2", OWNER_KEY, &[&calldata[..], &["--dry-run"]].concat())
        .await;
    assert!(is_success(dry.unwrap()));
    assert_eq!(setting.in_force().await, before);

    // 21,000 + 40 × (119,900 + 24) gas are 40.183153 a byte, and a sixteenth of that × 2 is the scalar.
    assert!(is_success(
        setting.set("2", OWNER_KEY, &calldata).await.unwrap()
    ));
    let expected = FeeSettings {
        base_fee_scalar: 5_022_895,
        blob_base_fee_scalar: 0,
        ..FeeSettings::default()
    };
    assert_eq!(setting.in_force().await, expected);

    // At its limit, the operator fee takes the rest.
    let high = [&calldata[..], &["--l1.base-fee-gwei", "1"]].concat();
    assert!(is_success(
        setting.set("10000", OWNER_KEY, &high).await.unwrap()
    ));
    let saturated = setting.in_force().await;
    assert_eq!(saturated.base_fee_scalar, u32::MAX);
    assert!(saturated.operator_fee_constant > 0);
    let kept = [&calldata[..], &["--keep-operator-fee"]].concat();
    assert!(is_success(
        setting.set("2", OWNER_KEY, &kept).await.unwrap()
    ));
    let kept = setting.in_force().await;
    assert_eq!(kept.base_fee_scalar, expected.base_fee_scalar);
    assert_eq!(kept.operator_fee_constant, saturated.operator_fee_constant);

    // Behind a timelock the calls are printed, and nothing is sent.
    let out = directory.path().join("out");
    let mut files = ChainFiles::read(&out).unwrap();
    let contracts = &mut files.l1.contracts;
    contracts.parameter_timelock = contracts.code_timelock;
    let call = transferOwnershipCall {
        newOwner: contracts.code_timelock,
    };
    let client = L1Client::new(&[anvil.url()], RequestConfig::default()).unwrap();
    let stop = CancellationToken::new();
    let key: alloy_signer_local::PrivateKeySigner = OWNER_KEY.parse().unwrap();
    let (sender, _task) =
        TxSender::spawn(client.clone(), key, TxSenderConfig::default(), stop.clone());
    let _stop = stop.drop_guard();
    let candidate = TxCandidate::call(contracts.system_config, call.abi_encode());
    assert!(sender.send_and_confirm(candidate).await.unwrap().success);
    files.write(&out).unwrap();
    let nonce = client.nonce(OWNER, BlockId::latest()).await.unwrap();
    assert!(is_success(
        setting.set("3", OWNER_KEY, &calldata).await.unwrap()
    ));
    assert_eq!(setting.in_force().await, kept);
    let after = client.nonce(OWNER, BlockId::latest()).await.unwrap();
    assert_eq!(after, nonce);
}
