//! A chain whose makers are gone: what was deposited arrives, and leaves again, by nobody's leave.

use crate::process::{Verifier, block_number, command, until};
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256};
use alloy_provider::{Provider, RootProvider};
use alloy_sol_types::{SolCall, SolEvent};
use anyhow::{Context, ensure};
use openledger_chain::ChainFiles;
use openledger_l1::{
    VETO_GAME,
    anvil::Anvil,
    contracts::{
        AnchorStateRegistry, DisputeGame, DisputeGameFactory, L2ToL1MessagePasser, OPEN,
        RollupPortal, VetoDisputeGame,
    },
};
use openledger_primitives::{L1Contracts, predeploys};
use serde_json::{Value, json};
use std::{fs, path::Path, time::Duration};

const PATIENCE: Duration = Duration::from_secs(60);
/// The first account that anvil funds: it deploys and posts batches.
const OPERATOR_KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
/// The sixth: it has no role.
const STRANGER: Address = address!("9965507D1a55bcC2695C58ba16FB37d819B0A4dc");
/// L1 blocks in which a batch must land.
const WINDOW: u64 = 30;
/// Seconds of the proposer's silence, of the veto, the finality and the maturity of a proof. Time is
/// moved, not waited for.
const FALLBACK: u64 = 300;
const CLOCK: u64 = 30;
const FINALITY: u64 = 10;
const MATURITY: u64 = 20;
/// OPEN that the stranger has on L1, brings to L2, and takes back.
const GRANT: u64 = 100;
const DEPOSIT: u64 = 50;
const WITHDRAWAL: u64 = 20;

fn open(amount: u64) -> U256 {
    U256::from(amount) * U256::from(1_000_000_000_000_000_000_u64)
}

fn settings() -> String {
    format!(
        r#"
        [l1]
        chain-id = 31337
        confirmations = 1
        [l2]
        chain-id = 1612
        block-time = 1
        [roles]
        owner = "0x0000000000000000000000000000000000000001"
        batcher = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
        proposer = "0x0000000000000000000000000000000000000003"
        challenger = "0x0000000000000000000000000000000000000004"
        guardian = "0x0000000000000000000000000000000000000005"
        unsafe-block-signer = "0x0000000000000000000000000000000000000006"
        treasury = "0x0000000000000000000000000000000000000007"
        fee-recipient = "0x0000000000000000000000000000000000000008"
        [clocks]
        max-clock-seconds = {CLOCK}
        finality-delay-seconds = {FINALITY}
        proof-maturity-seconds = {MATURITY}
        proposer-fallback-seconds = {FALLBACK}
        init-bond-wei = 10000000000000000
        [grants]
        "{STRANGER}" = "{GRANT}"
        "#
    )
}

/// The L1, as the stranger uses it.
struct L1 {
    anvil: Anvil,
    contracts: L1Contracts,
}

impl L1 {
    /// Sends a transaction by the stranger, which must succeed.
    async fn send(&self, to: Address, value: U256, call: impl SolCall) -> anyhow::Result<()> {
        let transaction = json!([{
            "from": STRANGER,
            "to": to,
            "value": value,
            "data": Bytes::from(call.abi_encode()),
        }]);
        let hash = self
            .anvil
            .request("eth_sendTransaction", transaction)
            .await?;
        // It is in the pool by now, and in a block a moment later.
        let receipt = until(
            "a receipt",
            PATIENCE,
            || async {
                let params = json!([hash]);
                Ok(self
                    .anvil
                    .request("eth_getTransactionReceipt", params)
                    .await?)
            },
            |receipt| !receipt.is_null(),
        )
        .await?;
        ensure!(receipt["status"] == "0x1", "reverted: {receipt}");
        Ok(())
    }

    async fn ask<C: SolCall>(
        &self,
        to: Address,
        value: U256,
        call: C,
    ) -> anyhow::Result<C::Return> {
        let request = json!([{
            "from": STRANGER,
            "to": to,
            "value": value,
            "data": Bytes::from(call.abi_encode()),
        }, "latest"]);
        let answer = self.anvil.request("eth_call", request).await?;
        let answer: Bytes = serde_json::from_value(answer)?;
        Ok(C::abi_decode_returns(&answer)?)
    }

    /// Moves the L1's time on.
    async fn pass(&self, seconds: u64) -> anyhow::Result<()> {
        self.anvil
            .request("evm_increaseTime", json!([seconds]))
            .await?;
        self.mine(1).await
    }

    async fn mine(&self, blocks: u64) -> anyhow::Result<()> {
        self.anvil
            .request("anvil_mine", json!([format!("{blocks:#x}")]))
            .await?;
        Ok(())
    }

    async fn balance(&self) -> anyhow::Result<U256> {
        let call = OPEN::balanceOfCall { account: STRANGER };
        self.ask(self.contracts.open, U256::ZERO, call).await
    }
}

/// Deploys a chain with a short sequencing window and answers its L1; its files are in `directory`.
async fn deployed(anvil: Anvil, directory: &Path) -> anyhow::Result<L1> {
    let settings_file = directory.join("chain.toml");
    fs::write(&settings_file, settings())?;
    let status = command()
        .args(["l1", "deploy", "--l1.rpc-url", &anvil.url(), "--config"])
        .arg(&settings_file)
        .arg("--out")
        .arg(directory)
        .env("OPENLEDGER_DEPLOYER_KEY", OPERATOR_KEY)
        .output()?;
    ensure!(
        status.status.success(),
        "{}",
        String::from_utf8_lossy(&status.stderr)
    );
    let mut files = ChainFiles::read(directory)?;
    files.rollup.seq_window_size = WINDOW;
    files.write(directory)?;
    let contracts = files.l1.contracts;
    Ok(L1 { anvil, contracts })
}

async fn block(rpc: &RootProvider, number: u64) -> anyhow::Result<Value> {
    let number = format!("{number:#x}");
    Ok(rpc
        .raw_request("eth_getBlockByNumber".into(), (number, false))
        .await?)
}

/// Runs the sequencer until some of its blocks are safe, kills it, and answers the newest of these.
async fn a_sequencer_lived(l1: &L1, chain: &Path, data: &Path) -> anyhow::Result<(u64, Value)> {
    let mut sequencer = command();
    sequencer
        .args(["sequencer", "--batcher.channel-duration", "1"])
        .env("OPENLEDGER_BATCHER_KEY", OPERATOR_KEY);
    let sequencer = Verifier::spawn(sequencer, &l1.anvil.url(), chain, data).await?;
    let rpc = sequencer.rpc()?;
    // Each batch makes a block itself, which closes the next channel: these only set it going, and are
    // far fewer than the window has, so that the sequencer can't miss it.
    for _ in 0..WINDOW / 3 {
        l1.mine(1).await?;
        tokio::time::sleep(Duration::from_millis(200)).await;
        if block_number(&rpc, "safe").await? >= 3 {
            break;
        }
    }
    let safe = until(
        "some safe blocks",
        PATIENCE,
        || block_number(&rpc, "safe"),
        |safe| *safe >= 3,
    )
    .await?;
    let newest = block(&rpc, safe).await?;
    sequencer.kill()?;
    Ok((safe, newest["hash"].clone()))
}

/// Brings OPEN to L2, and starts a withdrawal of some of it there, by deposits alone.
async fn deposit_and_withdraw(l1: &L1) -> anyhow::Result<()> {
    let approve = OPEN::approveCall {
        spender: l1.contracts.portal,
        value: open(DEPOSIT),
    };
    l1.send(l1.contracts.open, U256::ZERO, approve).await?;
    let deposit = RollupPortal::depositERC20TransactionCall {
        to: STRANGER,
        mint: open(DEPOSIT),
        value: U256::ZERO,
        gasLimit: 100_000,
        isCreation: false,
        data: Bytes::new(),
    };
    l1.send(l1.contracts.portal, U256::ZERO, deposit).await?;
    let withdraw = L2ToL1MessagePasser::initiateWithdrawalCall {
        target: STRANGER,
        gasLimit: U256::ZERO,
        data: Bytes::new(),
    };
    let withdraw = RollupPortal::depositERC20TransactionCall {
        to: predeploys::L2_TO_L1_MESSAGE_PASSER,
        mint: U256::ZERO,
        value: open(WITHDRAWAL),
        gasLimit: 300_000,
        isCreation: false,
        data: withdraw.abi_encode().into(),
    };
    l1.send(l1.contracts.portal, U256::ZERO, withdraw).await
}

/// The withdrawal that the chain has, its hash, and its block.
async fn withdrawal(rpc: &RootProvider) -> anyhow::Result<(RollupPortal::Withdrawal, B256, u64)> {
    let filter = json!([{
        "fromBlock": "0x0",
        "address": predeploys::L2_TO_L1_MESSAGE_PASSER,
        "topics": [L2ToL1MessagePasser::MessagePassed::SIGNATURE_HASH],
    }]);
    let logs: Vec<alloy_rpc_types_eth::Log> = rpc.raw_request("eth_getLogs".into(), filter).await?;
    ensure!(logs.len() == 1, "{} withdrawals", logs.len());
    let event = L2ToL1MessagePasser::MessagePassed::decode_log(&logs[0].inner)?;
    let withdrawal = RollupPortal::Withdrawal {
        nonce: event.nonce,
        sender: event.sender,
        target: event.target,
        value: event.value,
        gasLimit: event.gasLimit,
        data: event.data.data.clone(),
    };
    let block = logs[0].block_number.context("a log without a block")?;
    Ok((withdrawal, event.withdrawalHash, block))
}

/// Claims the output root of `number`, once the proposer has been silent for long enough; answers the
/// game.
async fn propose(l1: &L1, rpc: &RootProvider, number: u64) -> anyhow::Result<Address> {
    let factory = l1.contracts.dispute_game_factory;
    let output: Value = rpc
        .raw_request("optimism_outputAtBlock".into(), [format!("{number:#x}")])
        .await?;
    let root: B256 = serde_json::from_value(output["outputRoot"].clone())?;
    let create = DisputeGameFactory::createCall {
        gameType: VETO_GAME,
        rootClaim: root,
        extraData: U256::from(number).to_be_bytes::<32>().into(),
    };
    let bond = DisputeGameFactory::initBondsCall {
        gameType: VETO_GAME,
    };
    let bond = l1.ask(factory, U256::ZERO, bond).await?;
    let early = l1.ask(factory, bond, create.clone()).await;
    ensure!(early.is_err(), "the proposer has its turn");
    l1.pass(FALLBACK).await?;
    l1.send(factory, bond, create).await?;
    let game = DisputeGameFactory::gameAtIndexCall { index: U256::ZERO };
    Ok(l1.ask(factory, U256::ZERO, game).await?.proxy)
}

/// Proves the withdrawal by the first game, which is about block `number`.
async fn prove(
    l1: &L1,
    rpc: &RootProvider,
    withdrawal: &RollupPortal::Withdrawal,
    hash: B256,
    number: u64,
) -> anyhow::Result<()> {
    let slot = keccak256([hash.as_slice(), B256::ZERO.as_slice()].concat());
    let proof: Value = rpc
        .raw_request(
            "eth_getProof".into(),
            (
                predeploys::L2_TO_L1_MESSAGE_PASSER,
                [slot],
                format!("{number:#x}"),
            ),
        )
        .await?;
    let header = block(rpc, number).await?;
    let word = |value: &Value| serde_json::from_value::<B256>(value.clone());
    let prove = RollupPortal::proveWithdrawalTransactionCall {
        withdrawal: withdrawal.clone(),
        disputeGameIndex: U256::ZERO,
        outputRootProof: RollupPortal::OutputRootProof {
            version: B256::ZERO,
            stateRoot: word(&header["stateRoot"])?,
            messagePasserStorageRoot: word(&proof["storageHash"])?,
            latestBlockhash: word(&header["hash"])?,
        },
        withdrawalProof: serde_json::from_value(proof["storageProof"][0]["proof"].clone())?,
    };
    l1.send(l1.contracts.portal, U256::ZERO, prove).await
}

#[tokio::test(flavor = "multi_thread")]
async fn with_everybody_dead_a_stranger_gets_in_and_out() -> anyhow::Result<()> {
    let Some(anvil) = Anvil::start(&[]).await? else {
        return Ok(());
    };
    let (chain, dead, data) = (
        tempfile::tempdir()?,
        tempfile::tempdir()?,
        tempfile::tempdir()?,
    );
    let l1 = deployed(anvil, chain.path()).await?;
    let (sequenced, hash) = a_sequencer_lived(&l1, chain.path(), dead.path()).await?;
    assert_eq!(l1.balance().await?, open(GRANT));

    // From here on nobody but the stranger does anything.
    deposit_and_withdraw(&l1).await?;
    l1.mine(WINDOW + 5).await?;
    let mut verifier = command();
    verifier.arg("verifier");
    let verifier = Verifier::spawn(verifier, &l1.anvil.url(), chain.path(), data.path()).await?;
    let rpc = verifier.rpc()?;
    until(
        "the deposits on L2",
        PATIENCE,
        || async { Ok(rpc.get_balance(STRANGER).await?) },
        |balance| *balance == open(DEPOSIT - WITHDRAWAL),
    )
    .await?;
    // The dead sequencer's blocks are there, and the deposits after them.
    assert_eq!(block(&rpc, sequenced).await?["hash"], hash);
    let (withdrawal, withdrawal_hash, number) = withdrawal(&rpc).await?;
    assert!(number > sequenced);
    assert_eq!(
        (withdrawal.sender, withdrawal.target, withdrawal.value),
        (STRANGER, STRANGER, open(WITHDRAWAL))
    );
    until(
        "its block to be safe",
        PATIENCE,
        || block_number(&rpc, "safe"),
        |safe| *safe >= number,
    )
    .await?;

    let game = propose(&l1, &rpc, number).await?;
    l1.pass(1).await?;
    prove(&l1, &rpc, &withdrawal, withdrawal_hash, number).await?;
    l1.pass(CLOCK.max(MATURITY) + 1).await?;
    l1.send(game, U256::ZERO, DisputeGame::resolveCall {})
        .await?;
    l1.pass(FINALITY + 1).await?;
    let pay = RollupPortal::finalizeWithdrawalTransactionExternalProofCall {
        withdrawal,
        proofSubmitter: STRANGER,
    };
    l1.send(l1.contracts.portal, U256::ZERO, pay).await?;
    assert_eq!(l1.balance().await?, open(GRANT - DEPOSIT + WITHDRAWAL));

    // The bond comes back, and with it the claim becomes the anchor.
    let claim = DisputeGame::claimCreditCall {
        recipient: STRANGER,
    };
    l1.send(game, U256::ZERO, claim).await?;
    let anchor = AnchorStateRegistry::getAnchorRootCall {};
    let registry = l1.contracts.anchor_state_registry;
    let anchor = l1.ask(registry, U256::ZERO, anchor).await?;
    assert_eq!(anchor.l2SequenceNumber, U256::from(number));
    // The proposer never spoke: strangers may go on.
    let open_at = l1
        .ask(game, U256::ZERO, VetoDisputeGame::openToAllAtCall {})
        .await?;
    let now = l1
        .anvil
        .request("eth_getBlockByNumber", json!(["latest", false]))
        .await?;
    let now: U256 = serde_json::from_value(now["timestamp"].clone())?;
    assert!(open_at <= now);
    Ok(())
}
