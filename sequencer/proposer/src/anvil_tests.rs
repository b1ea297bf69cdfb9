//! The proposer against the contracts, on an L1 of its own.

use crate::{
    Challenger, ChallengerConfig, ChallengerStatus, Output, OutputSource, Proposer, ProposerConfig,
    ProposerStatus, SourceError,
};
use alloy_eips::{BlockId, BlockNumHash};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use openledger_l1::{
    DeployConfig, GameClocks, L1Client, Obstacle, RequestConfig, ResumedTx, SenderJournal,
    TxCandidate, TxSender, TxSenderConfig, VETO_GAME,
    anvil::Anvil,
    contracts::{DisputeGame, DisputeGameFactory},
    deploy_contracts,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
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
    /// Up to it the chain is finalized.
    finalized: AtomicU64,
    /// Whether the safe head that it tells is of a chain that it has left.
    stale: AtomicBool,
    /// How often it was asked for the safe head.
    asked: AtomicU64,
}

impl Numbers {
    fn root(number: u64) -> B256 {
        keccak256(number.to_be_bytes())
    }

    fn hash(number: u64) -> B256 {
        keccak256(Self::root(number))
    }
}

impl OutputSource for Numbers {
    fn safe_head(&self) -> BlockNumHash {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let number = self.safe.load(Ordering::SeqCst);
        let hash = if self.stale.load(Ordering::SeqCst) {
            B256::ZERO
        } else {
            Self::hash(number)
        };
        BlockNumHash { number, hash }
    }

    fn finalized_head(&self) -> BlockNumHash {
        let number = self.finalized.load(Ordering::SeqCst);
        BlockNumHash {
            number,
            hash: Self::hash(number),
        }
    }

    fn output(&self, number: u64) -> Result<Option<Output>, SourceError> {
        let output = Output {
            block_hash: Self::hash(number),
            root: Self::root(number),
        };
        Ok((number <= self.safe.load(Ordering::SeqCst)).then_some(output))
    }

    fn withdrawals_root(&self, number: u64) -> Result<Option<B256>, SourceError> {
        let began = number >= self.withdrawal.load(Ordering::SeqCst);
        Ok(Some(B256::with_last_byte(u8::from(began))))
    }
}

struct L1 {
    anvil: Anvil,
    client: L1Client,
    factory: Address,
}

/// A clock that runs out only where a test moves the L1's time.
const LONG_CLOCK: u64 = 600;

/// An L1 with a block a second, and games with this clock, seconds.
async fn l1(clock: u64) -> Option<L1> {
    l1_with(&["--block-time", "1"], clock).await
}

async fn l1_with(arguments: &[&str], clock: u64) -> Option<L1> {
    let anvil = Anvil::start(arguments).await.expect("anvil")?;
    let client = L1Client::new(&[anvil.url()], RequestConfig::default()).expect("a valid URL");
    let deployer = key(DEPLOYER);
    let config = DeployConfig {
        proposer: key(PROPOSER).address(),
        challenger: key(CHALLENGER).address(),
        clocks: GameClocks {
            max_clock_seconds: clock,
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
        anvil,
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
    let sender = sender(l1, PROPOSER, &stop);
    start_with(l1, source, sender, Vec::new(), stop)
}

fn start_with(
    l1: &L1,
    source: &Arc<Numbers>,
    sender: TxSender,
    resumed: Vec<ResumedTx>,
    stop: CancellationToken,
) -> (watch::Receiver<ProposerStatus>, DropGuard) {
    let config = ProposerConfig {
        interval: Duration::from_secs(3_600),
        withdrawal_interval: Duration::from_secs(1),
        poll_interval: Duration::from_millis(200),
        ..ProposerConfig::new(l1.factory, VETO_GAME)
    };
    let source: Arc<dyn OutputSource> = source.clone();
    let l1 = l1.client.clone();
    let (proposer, _task) = Proposer::run(config, source, l1, sender, resumed, stop.clone());
    (proposer.status(), stop.drop_guard())
}

fn start_challenger(
    l1: &L1,
    source: &Arc<Numbers>,
) -> (watch::Receiver<ChallengerStatus>, DropGuard) {
    let stop = CancellationToken::new();
    let config = ChallengerConfig {
        poll_interval: Duration::from_millis(200),
        ..ChallengerConfig::new(l1.factory, VETO_GAME)
    };
    let sender = sender(l1, CHALLENGER, &stop);
    let source: Arc<dyn OutputSource> = source.clone();
    let l1 = l1.client.clone();
    let (challenger, _task) = Challenger::run(config, source, l1, sender, Vec::new(), stop.clone());
    (challenger.status(), stop.drop_guard())
}

async fn until<S>(status: &mut watch::Receiver<S>, what: &str, condition: impl FnMut(&S) -> bool) {
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
    let Some(l1) = l1(6).await else { return };
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

async fn set_balance(l1: &L1, account: Address, wei: U256) {
    let params = serde_json::json!([account, wei]);
    let answer = l1.anvil.request("anvil_setBalance", params).await;
    answer.expect("anvil answers");
}

#[tokio::test]
async fn an_empty_account_waits_for_funds() {
    let Some(l1) = l1(LONG_CLOCK).await else {
        return;
    };
    let source = Arc::new(Numbers::default());
    source.withdrawal.store(15, Ordering::SeqCst);
    source.safe.store(10, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let sender = sender(&l1, PROPOSER, &stop);
    let (account, mut sending) = (sender.account(), sender.status());
    let (mut status, _guard) = start_with(&l1, &source, sender, Vec::new(), stop);
    until(&mut status, "the first claim", |status| {
        status.claimed_to == 10
    })
    .await;

    set_balance(&l1, account, U256::ZERO).await;
    source.safe.store(20, Ordering::SeqCst);
    until(&mut sending, "an alarm", |status| {
        status.obstacle == Some(Obstacle::InsufficientFunds)
    })
    .await;
    assert_eq!(games(&l1).await, 1);

    set_balance(&l1, account, U256::from(100 * BOND)).await;
    until(&mut status, "the second claim", |status| {
        status.claimed_to == 20
    })
    .await;
    until(&mut sending, "the alarm's end", |status| {
        status.obstacle.is_none()
    })
    .await;
    pass(&l1, 2 * LONG_CLOCK).await;
    until(&mut status, "both bonds' return", |status| {
        status.bonds_out == 0
    })
    .await;
    assert_eq!(games(&l1).await, 2);
}

#[tokio::test]
async fn a_claim_that_was_vetoed_is_made_again() {
    let Some(l1) = l1(LONG_CLOCK).await else {
        return;
    };
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

/// Moves the L1's time on.
async fn pass(l1: &L1, seconds: u64) {
    let params = serde_json::json!([seconds]);
    let answer = l1.anvil.request("evm_increaseTime", params).await;
    answer.expect("anvil answers");
}

async fn mining(l1: &L1, on: bool) {
    let params = serde_json::json!([on]);
    let answer = l1.anvil.request("evm_setAutomine", params).await;
    answer.expect("anvil answers");
    if on {
        let params = serde_json::json!([]);
        let answer = l1.anvil.request("evm_mine", params).await;
        answer.expect("anvil answers");
    }
}

#[tokio::test]
async fn a_claim_that_an_earlier_run_left_waiting_is_not_made_again() {
    let Some(l1) = l1_with(&[], LONG_CLOCK).await else {
        return;
    };
    let source = Arc::new(Numbers::default());
    source.withdrawal.store(u64::MAX, Ordering::SeqCst);
    source.safe.store(10, Ordering::SeqCst);
    let journal = tempfile::tempdir().expect("a directory");
    let journaled = |stop: &CancellationToken| {
        let config = TxSenderConfig {
            poll_interval: Duration::from_millis(100),
            ..TxSenderConfig::default()
        };
        let journal = SenderJournal::open(journal.path()).expect("a journal");
        let client = l1.client.clone();
        let key = key(PROPOSER);
        TxSender::spawn_with_journal(client, key, config, journal, stop.clone()).expect("a journal")
    };
    mining(&l1, false).await;
    let stop = CancellationToken::new();
    let (sender, resumed, task) = journaled(&stop);
    assert!(resumed.is_empty());
    let (_, guard) = start_with(&l1, &source, sender.clone(), resumed, stop);
    let mut sent = sender.status();
    until(&mut sent, "a claim on its way", |status| {
        status.in_flight == 1
    })
    .await;
    drop(guard);
    tokio::time::timeout(PATIENCE, task)
        .await
        .expect("it ends")
        .expect("it ends well");

    // While nobody mined it the chain went on, so that a claim about another block could be made.
    source.safe.store(11, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let (sender, resumed, _task) = journaled(&stop);
    assert_eq!(resumed.len(), 1);
    let before = source.asked.load(Ordering::SeqCst);
    let (mut status, _guard) = start_with(&l1, &source, sender, resumed, stop);
    mining(&l1, true).await;
    until(&mut status, "the claim", |status| status.claimed_to == 10).await;
    until_asked(&source, before + 5).await;
    assert_eq!(games(&l1).await, 1);
}

/// Waits until the source was asked so often: each round asks at least once.
async fn until_asked(source: &Numbers, times: u64) {
    tokio::time::timeout(PATIENCE, async {
        while source.asked.load(Ordering::SeqCst) < times {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it goes on");
}

#[tokio::test]
async fn a_block_that_is_no_longer_the_safe_chain_s_is_not_claimed() {
    let Some(l1) = l1_with(&[], LONG_CLOCK).await else {
        return;
    };
    let source = Arc::new(Numbers::default());
    source.withdrawal.store(u64::MAX, Ordering::SeqCst);
    source.safe.store(10, Ordering::SeqCst);
    source.stale.store(true, Ordering::SeqCst);
    let (mut status, _guard) = start(&l1, &source);
    until_asked(&source, 10).await;
    assert_eq!(games(&l1).await, 0);
    source.stale.store(false, Ordering::SeqCst);
    until(&mut status, "the claim", |status| status.claimed_to == 10).await;
    assert_eq!(games(&l1).await, 1);
}

#[tokio::test]
async fn a_wrong_claim_is_vetoed_and_the_honest_one_stands() {
    let Some(l1) = l1(LONG_CLOCK).await else {
        return;
    };
    let source = Arc::new(Numbers::default());
    source.withdrawal.store(u64::MAX, Ordering::SeqCst);
    source.safe.store(10, Ordering::SeqCst);
    source.finalized.store(5, Ordering::SeqCst);
    let (mut challenger, _challenger) = start_challenger(&l1, &source);
    // The proposer's own key lies: about a block that is final, one that is safe, and one to come.
    let stop = CancellationToken::new();
    let proposer = sender(&l1, PROPOSER, &stop);
    for block in [5, 9, 12] {
        let call = DisputeGameFactory::createCall {
            gameType: VETO_GAME,
            rootClaim: B256::with_last_byte(1),
            extraData: U256::from(block).to_be_bytes::<32>().into(),
        };
        let create = TxCandidate::call(l1.factory, call.abi_encode()).with_value(U256::from(BOND));
        assert!(
            proposer
                .send_and_confirm(create)
                .await
                .expect("sent")
                .success
        );
    }
    stop.cancel();
    // What an L1 reorg might still change is left alone for half of the clock.
    until(&mut challenger, "the first veto", |status| {
        (status.vetoes, status.wrong, status.undecided) == (1, 1, 0)
    })
    .await;
    pass(&l1, LONG_CLOCK / 2).await;
    until(&mut challenger, "the second veto, and an alarm", |status| {
        (status.vetoes, status.wrong, status.undecided) == (2, 0, 1)
    })
    .await;
    // The chain comes to the third.
    source.safe.store(12, Ordering::SeqCst);
    until(&mut challenger, "the third veto", |status| {
        (status.vetoes, status.wrong, status.undecided) == (3, 0, 0)
    })
    .await;

    // Honest again.
    let (mut status, _proposer) = start(&l1, &source);
    until(&mut status, "an honest claim", |status| {
        status.claimed_to == 12
    })
    .await;
    until(&mut status, "its bond", |status| status.bonds_out == 1).await;
    // The challenger has looked at it often enough when its clock has run out.
    let before = source.asked.load(Ordering::SeqCst);
    until_asked(&source, before + 20).await;
    pass(&l1, LONG_CLOCK).await;
    until(&mut status, "its bond's return", |status| {
        status.bonds_out == 0
    })
    .await;
    assert_eq!(games(&l1).await, 4);
    for (index, expected) in [(0, 1), (1, 1), (2, 1), (3, 2)] {
        let game = game(&l1, index).await;
        let status = ask(&l1, game, DisputeGame::statusCall {}).await;
        assert_eq!(status, expected, "game {index}");
    }
    // The liar's bonds go to the challenger.
    for index in 0..3 {
        let game = game(&l1, index).await;
        tokio::time::timeout(PATIENCE, async {
            while !ask(&l1, game, DisputeGame::bondCall {}).await.is_zero() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
        .await
        .expect("the bond of a wrong claim");
    }
    let status = challenger.borrow().clone();
    assert_eq!((status.wrong, status.missed, status.vetoes), (0, 0, 3));
}
