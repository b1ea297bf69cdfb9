//! Blocks full of calls of the four native precompiles, by accounts and through a contract, with refusals,
//! reverts around them, calls that run out of gas and every way of calling: the builder's blocks are what
//! verifiers get, and unwinding and applying them again changes nothing.

mod actor;
mod corpus;
mod flat_traces;
mod relay;
mod views;

use actor::{Actor, Call, LIFE};
use alloy_consensus::{SignableTransaction as _, TxEip7702};
use alloy_eips::{Encodable2718 as _, eip7702::Authorization};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use alloy_sol_types::SolCall as _;
use anyhow::{Context as _, Result, ensure};
use openledger_builder::{BuilderConfig, Mode, TimeSource};
use openledger_chain::{LocalCommand, Sequencer as _, Submission};
use openledger_mempool::RecoveredTransaction;
use openledger_precompiles::{LORA, SKETCH, SPAN, sketch::IAttrSketch as Sketch};
use openledger_primitives::{BlockAttributes, SealedBlock, Transaction};
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, GENESIS_TIMESTAMP, RunningBuilder},
    load::Random,
};
use relay::{Scheme, Step};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Enough for each transaction.
const GAS_LIMIT: u64 = 8_000_000;
/// Below what any function needs that writes: a call with less never changes anything.
const NO_WRITE_GAS: u64 = 5_000;
/// The account that delegates to SKETCH.
const DELEGATING: usize = 3;
const SEED: u64 = 20_261_121;

/// A chain that the builder fills.
struct Workload {
    fixture: Fixture,
    builder: RunningBuilder,
    clock: Arc<AtomicU64>,
    relay: Address,
    /// The first and the second call for themselves, the last through the contract.
    actors: Vec<Actor>,
    nonces: Vec<u64>,
    random: Random,
    /// Whether each transaction of the open block succeeds.
    expected: Vec<bool>,
    /// The transactions since this was last emptied.
    hashes: Vec<B256>,
}

impl Workload {
    async fn start(seed: u64) -> Result<Self> {
        let fixture = Fixture::new(FixtureOptions {
            wallets: 5,
            ..Default::default()
        })?;
        let clock = Arc::new(AtomicU64::new(GENESIS_TIMESTAMP * 1_000));
        let config = BuilderConfig {
            mode: Mode::Manual,
            settled: false,
            time: TimeSource::Simulated(clock.clone()),
            ..Default::default()
        };
        let builder = fixture.start_builder(config, 20)?;
        // The first transaction of wallet 2 deploys it.
        let relay = fixture.wallets[2].address().create(0);
        let wallet = |index: usize| fixture.wallets[index].address();
        let actors = vec![
            Actor::new(wallet(0), 1_000, 3),
            Actor::new(wallet(1), 2_000, 6),
            Actor::new(relay, 3_000, 4),
        ];
        let mut workload = Self {
            nonces: vec![0; fixture.wallets.len()],
            fixture,
            builder,
            clock,
            relay,
            actors,
            random: Random::new(seed),
            expected: Vec::new(),
            hashes: Vec::new(),
        };
        workload.deploy().await?;
        Ok(workload)
    }

    async fn deploy(&mut self) -> Result<()> {
        let creation = relay::creation();
        self.send(2, TxKind::Create, 1_000_000, creation, GAS_LIMIT, true)
            .await?;
        self.delegate().await?;
        self.seal().await?;
        self.hashes.clear();
        self.seal().await
    }

    /// EIP-7702: an account runs SKETCH's code, as far as accounts go.
    async fn delegate(&mut self) -> Result<()> {
        let chain_id = self.fixture.files.rollup.l2_chain_id;
        let wallet = &self.fixture.wallets[DELEGATING];
        let authorization = Authorization {
            chain_id: U256::from(chain_id),
            address: SKETCH,
            nonce: 0,
        };
        let signature = wallet.sign_digest(authorization.signature_hash());
        let tx = TxEip7702 {
            chain_id,
            nonce: self.nonces[4],
            gas_limit: 200_000,
            max_fee_per_gas: 100_000_000_000,
            max_priority_fee_per_gas: 1_000_000_000,
            to: self.fixture.wallets[4].address(),
            authorization_list: vec![authorization.into_signed(signature)],
            ..Default::default()
        };
        let signature = self.fixture.wallets[4].sign_digest(tx.signature_hash());
        let tx = Transaction::Eip7702(tx.into_signed(signature));
        self.nonces[4] += 1;
        self.submit(&tx.encoded_2718(), true).await
    }

    async fn send(
        &mut self,
        wallet: usize,
        to: TxKind,
        value: u64,
        input: Bytes,
        gas_limit: u64,
        succeeds: bool,
    ) -> Result<()> {
        let nonce = self.nonces[wallet];
        self.nonces[wallet] += 1;
        let value = U256::from(value);
        let signed = self
            .fixture
            .sign(wallet, nonce, to, value, input, gas_limit);
        self.submit(&signed.encoded, succeeds).await
    }

    async fn submit(&mut self, encoded: &[u8], succeeds: bool) -> Result<()> {
        let transaction = RecoveredTransaction::decode(encoded)?;
        self.hashes.push(transaction.hash);
        let submitted = self.builder.handle.submit(transaction).await?;
        ensure!(
            matches!(submitted, Submission::Preconfirmed(_)),
            "{submitted:?}"
        );
        self.expected.push(succeeds);
        Ok(())
    }

    /// Seals the open block, checks what each of its transactions came to and learns from its logs.
    async fn seal(&mut self) -> Result<()> {
        self.clock.fetch_add(1_000, Ordering::AcqRel);
        let mine = LocalCommand::Mine {
            blocks: 1,
            interval: 0,
        };
        self.builder.handle.local(mine).await?;
        let block = self.head()?;
        // The first is the attributes' deposit.
        let receipts = &block.receipts[1..];
        ensure!(receipts.len() == self.expected.len());
        for (index, (receipt, expected)) in receipts.iter().zip(&self.expected).enumerate() {
            ensure!(
                receipt.status() == *expected,
                "transaction {index} of block {}",
                block.number()
            );
            for log in receipt.logs() {
                self.actors.iter_mut().for_each(|actor| actor.see(log));
            }
        }
        self.expected.clear();
        Ok(())
    }

    fn head(&self) -> Result<Arc<SealedBlock>> {
        let number = self.fixture.chain.head().number;
        self.fixture.chain.block(number)?.context("the head")
    }

    /// A block: what each actor does now, and between it what comes to nothing.
    async fn block(&mut self) -> Result<()> {
        let number = self.fixture.chain.head().number + 1;
        for index in 0..self.actors.len() {
            let store = self.fixture.store();
            let hash_of = |number| store.block_hash(number)?.context("a block");
            let calls = self.actors[index].calls(number, &mut self.random, hash_of)?;
            if let Some(call) = calls.first() {
                self.nothing(call.clone()).await?;
            }
            if self.actors[index].address == self.relay {
                self.through_the_relay(calls).await?;
            } else {
                for (to, data) in calls {
                    self.send(index, TxKind::Call(to), 0, data, GAS_LIMIT, true)
                        .await?;
                }
            }
        }
        self.seal().await
    }

    /// A transaction with all of these calls, and calls between them that fail.
    async fn through_the_relay(&mut self, calls: Vec<Call>) -> Result<()> {
        let mut steps = Vec::new();
        for (to, data) in calls {
            if self.random.below(3) == 0 {
                steps.extend(self.failing((to, data.clone())));
            }
            steps.push(Step::must(to, data));
        }
        if steps.is_empty() {
            return Ok(());
        }
        let input = relay::calldata(&steps);
        let relay = TxKind::Call(self.relay);
        self.send(2, relay, 0, input, GAS_LIMIT, true).await
    }

    /// A call inside of the contract that changes nothing, whatever it is.
    fn failing(&mut self, (to, data): Call) -> Option<Step> {
        let some = u64::MAX;
        Some(match self.random.below(6) {
            0 => Step::may(Scheme::Delegate, to, some, 0, data),
            1 => Step::may(Scheme::CallCode, to, some, 0, data),
            2 => Step::may(Scheme::Static, to, some, 0, data),
            3 => Step::may(Scheme::Call, to, some, 1, data),
            4 => {
                let gas = self.random.below(NO_WRITE_GAS);
                Step::may(Scheme::Call, to, gas, 0, data)
            }
            _ => {
                let delegating = self.fixture.wallets[DELEGATING].address();
                Step::may(Scheme::Call, delegating, 100_000, 0, data)
            }
        })
    }

    /// A transaction with this call that comes to nothing.
    async fn nothing(&mut self, (to, data): Call) -> Result<()> {
        let relay = TxKind::Call(self.relay);
        match self.random.below(6) {
            // Out of gas: the limit covers the transaction itself and a part of what the call takes.
            0 => {
                let commit = Sketch::commitContributionCall {
                    datanet: to.into_word(),
                    h: B256::from(U256::from(self.random.next())),
                };
                let data = commit.abi_encode();
                let gas_limit = 21_000 + 40 * data.len() as u64 + self.random.below(40_000);
                let sketch = TxKind::Call(SKETCH);
                self.send(4, sketch, 0, data.into(), gas_limit, false).await
            }
            1 => {
                self.send(4, TxKind::Call(to), 1, data, GAS_LIMIT, false)
                    .await
            }
            // What is done is undone.
            2 => {
                let steps = [Step::must(to, data), Step::Revert];
                self.undone(relay, &steps).await
            }
            3 => {
                let steps = [
                    Step::may(Scheme::Call, to, u64::MAX, 0, data),
                    Step::Invalid,
                ];
                self.undone(relay, &steps).await
            }
            // Damaged, and undone in case that it didn't matter.
            4 => {
                let mut data = data.to_vec();
                let at = self.random.below(data.len() as u64) as usize;
                data[at] ^= 1 << self.random.below(8);
                let steps = [
                    Step::may(Scheme::Call, to, u64::MAX, 0, data.into()),
                    Step::Revert,
                ];
                self.undone(relay, &steps).await
            }
            _ => {
                let delegating = self.fixture.wallets[DELEGATING].address();
                self.send(4, TxKind::Call(delegating), 0, data, 200_000, false)
                    .await
            }
        }
    }

    async fn undone(&mut self, relay: TxKind, steps: &[Step]) -> Result<()> {
        let input = relay::calldata(steps);
        self.send(4, relay, 0, input, GAS_LIMIT, false).await
    }

    /// The whole life of every actor.
    async fn run(&mut self) -> Result<()> {
        let last = LIFE + 8;
        while self.fixture.chain.head().number < last {
            self.block().await?;
        }
        Ok(())
    }
}

fn verify(fixture: &Fixture) -> Result<()> {
    let report = fixture.store().verify(&mut |_, _| ())?;
    assert_eq!(report.difference, None);
    assert_eq!(report.headers, fixture.chain.head().number + 1);
    Ok(())
}

fn attributes_of(block: &SealedBlock) -> Result<BlockAttributes> {
    BlockAttributes::of_block(&block.block).context("the extra data is Holocene's")
}

fn blocks(fixture: &Fixture) -> Result<Vec<Arc<SealedBlock>>> {
    (1..=fixture.chain.head().number)
        .map(|number| fixture.chain.block(number)?.context("a block"))
        .collect()
}

#[tokio::test]
async fn verifiers_get_the_builders_blocks_and_unwinding_changes_nothing() -> Result<()> {
    let mut workload = Workload::start(SEED).await?;
    workload.run().await?;
    let Workload {
        fixture, builder, ..
    } = workload;
    builder.stop()?;
    verify(&fixture)?;
    let built = blocks(&fixture)?;
    let receipts = || built.iter().flat_map(|block| &block.receipts);
    for address in [SKETCH, SPAN, LORA] {
        let logs = receipts()
            .flat_map(|receipt| receipt.logs())
            .filter(|log| log.address == address);
        // Four steps of each of three actors' indexes, the fewest of the three.
        assert!(logs.count() >= 12, "{address} was hardly used");
    }
    assert!(receipts().filter(|receipt| !receipt.status()).count() > 100);

    // One that is told the blocks, and one that derives them.
    let (told, derived) = (fixture.twin()?, fixture.twin()?);
    for block in &built {
        let again = told.chain.import(&block.block)?;
        assert_eq!(again.receipts, block.receipts);
        let again = derived.chain.execute(&attributes_of(block)?)?;
        assert_eq!(again.hash, block.hash, "block {}", block.number());
        assert_eq!(again.receipts, block.receipts);
    }
    verify(&told)?;

    let mut random = Random::new(SEED);
    for _ in 0..4 {
        let to = random.below(built.len() as u64);
        let removed = derived.chain.unwind(to)?;
        assert_eq!(removed.len() as u64, built.len() as u64 - to);
        verify(&derived)?;
        for block in removed.iter() {
            let again = derived.chain.execute(&attributes_of(block)?)?;
            assert_eq!(again.hash, block.hash, "block {}", block.number());
            assert_eq!(again.receipts, block.receipts);
        }
    }
    verify(&derived)
}
