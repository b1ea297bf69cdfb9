//! The proposer against the contracts, on an L1 of its own.

use crate::{OutputSource, Proposer, ProposerConfig, ProposerStatus, SourceError};
use alloy_eips::{BlockId, BlockNumHash};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use openledger_l1::{
    DeployConfig, GameClocks, L1Client, RequestConfig, TxCandidate, TxSender, TxSenderConfig,
    VETO_GAME,
    anvil::Anvil,
    contracts::{DisputeGame, DisputeGameFactory},
    deploy_contracts,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Keys of the first accounts that anvil funds.
const DEPLOYER: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const PROPOSER: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const CHALLENGER: &str = "5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a";
const BOND: u64 = 10_000_000_000_000_000;
const PATIENCE: Duration = Duration::from_secs(60);

fn key(text: &str) -> PrivateKeySigner {
    text.parse().expect("a key")
}

/// A chain of which only numbers are real; a withdrawal begins in the block that it names.
#[derive(Debug, Default)]
struct Numbers {
    safe: AtomicU64,
    withdrawal: AtomicU64,
}

impl Numbers {
    fn root(number: u64) -> B256 {
        keccak256(number.to_be_bytes())
    }
}

impl OutputSource for Numbers {
    fn safe_head(&self) -> BlockNumHash {
        let number = self.safe.load(Ordering::SeqCst);
        BlockNumHash {
            number,
            hash: Self::root(number),
        }
    }

    fn output_root(&self, number: u64) -> Result<Option<B256>, SourceError> {
        Ok((number <= self.safe.load(Ordering::SeqCst)).then(|| Self::root(number)))
    }

    fn withdrawals_root(&self, number: u64) -> Result<Option<B256>, SourceError> {
        let began = number >= self.withdrawal.load(Ordering::SeqCst);
        Ok(Some(B256::with_last_byte(u8::from(began))))
    }
}

struct L1 {
    _anvil: Anvil,
    client: L1Client,
    factory: Address,
}

async fn l1() -> Option<L1> {
    let anvil = Anvil::start(&["--block-time", "1"]).await.expect("anvil")?;
    let client = L1Client::new(&[anvil.url()], RequestConfig::default()).expect("a valid URL");
    let deployer = key(DEPLOYER);
    let config = DeployConfig {
        proposer: key(PROPOSER).address(),
        challenger: key(CHALLENGER).address(),
        clocks: GameClocks {
            max_clock_seconds: 6,
            finality_delay_seconds: 1,
            init_bond_wei: BOND,
            ..GameClocks::default()
        },
        ..DeployConfig::new(deployer.address(), deployer.address())
    };
    let contracts = deploy_contracts(&client, deployer, &config)
        .await
        .expect("deployed");
    Some(L1 {
        _anvil: anvil,
        client,
        factory: contracts.dispute_game_factory,
    })
}

fn sender(l1: &L1, text: &str, stop: &CancellationToken) -> TxSender {
    let config = TxSenderConfig {
        poll_interval: Duration::from_millis(100),
        ..TxSenderConfig::default()
    };
    TxSender::spawn(l1.client.clone(), key(text), config, stop.clone()).0
}

fn start(l1: &L1, source: &Arc<Numbers>) -> (watch::Receiver<ProposerStatus>, DropGuard) {
    let stop = CancellationToken::new();
    let config = ProposerConfig {
        interval: Duration::from_secs(3_600),
        withdrawal_interval: Duration::from_secs(1),
        poll_interval: Duration::from_millis(200),
        ..ProposerConfig::new(l1.factory, VETO_GAME)
    };
    let sender = sender(l1, PROPOSER, &stop);
    let source: Arc<dyn OutputSource> = source.clone();
    let (proposer, _task) = Proposer::run(config, source, l1.client.clone(), sender, stop.clone());
    (proposer.status(), stop.drop_guard())
}

async fn until(
    status: &mut watch::Receiver<ProposerStatus>,
    what: &str,
    condition: impl FnMut(&ProposerStatus) -> bool,
) {
    tokio::time::timeout(PATIENCE, status.wait_for(condition))
        .await
        .unwrap_or_else(|_| panic!("{what}"))
        .expect("it runs");
}

async fn ask<C: SolCall>(l1: &L1, to: Address, call: C) -> C::Return {
    let data = call.abi_encode().into();
    let answer = l1.client.call(to, data, BlockId::latest()).await;
    C::abi_decode_returns(&answer.expect("answered")).expect("well formed")
}

async fn game(l1: &L1, index: u64) -> Address {
    let call = DisputeGameFactory::gameAtIndexCall {
        index: U256::from(index),
    };
    ask(l1, l1.factory, call).await.proxy
}

async fn games(l1: &L1) -> u64 {
    let call = DisputeGameFactory::gameCountCall {};
    ask(l1, l1.factory, call).await.to()
}

#[tokio::test]
async fn a_claim_is_made_decided_and_its_bond_comes_back() {
    let Some(l1) = l1().await else { return };
    let source = Arc::new(Numbers::default());
    source.withdrawal.store(15, Ordering::SeqCst);
    source.safe.store(10, Ordering::SeqCst);
    let (mut status, guard) = start(&l1, &source);
    until(&mut status, "the first claim", |status| {
        status.claimed_to == 10
    })
    .await;
    let first = game(&l1, 0).await;
    let claim = ask(&l1, first, DisputeGame::rootClaimCall {}).await;
    assert_eq!(claim, Numbers::root(10));

    // The interval is long, and only a withdrawal is a reason for another.
    source.safe.store(14, Ordering::SeqCst);
    until(&mut status, "the first bond", |status| {
        status.bonds_out == 1
    })
    .await;
    until(&mut status, "its return", |status| status.bonds_out == 0).await;
    assert_eq!(ask(&l1, first, DisputeGame::bondCall {}).await, U256::ZERO);
    assert_eq!(games(&l1).await, 1);
    source.safe.store(20, Ordering::SeqCst);
    until(&mut status, "the second claim", |status| {
        status.claimed_to == 20
    })
    .await;
    assert_eq!(games(&l1).await, 2);

    // A new run takes over the bond that is out, and claims nothing twice.
    drop(guard);
    let (mut status, _guard) = start(&l1, &source);
    until(&mut status, "the second bond", |status| {
        status.bonds_out == 1
    })
    .await;
    until(&mut status, "its return", |status| status.bonds_out == 0).await;
    assert_eq!(games(&l1).await, 2);
}

#[tokio::test]
async fn a_claim_that_was_vetoed_is_made_again() {
    let Some(l1) = l1().await else { return };
    let source = Arc::new(Numbers::default());
    source.withdrawal.store(u64::MAX, Ordering::SeqCst);
    source.safe.store(10, Ordering::SeqCst);
    let (mut status, _guard) = start(&l1, &source);
    until(&mut status, "the claim", |status| status.claimed_to == 10).await;
    let stop = CancellationToken::new();
    let challenger = sender(&l1, CHALLENGER, &stop);
    let _stop = stop.drop_guard();
    let veto = TxCandidate::call(game(&l1, 0).await, DisputeGame::vetoCall {}.abi_encode());
    let vetoed = challenger.send_and_confirm(veto).await.expect("sent");
    assert!(vetoed.success);
    // The same claim can't be made twice; one about a later block can.
    source.safe.store(11, Ordering::SeqCst);
    until(&mut status, "another claim", |status| {
        status.claimed_to == 11
    })
    .await;
}
