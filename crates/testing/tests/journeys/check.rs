//! What must hold at the end of every journey.

use crate::{Site, World, l1::L1, sequencer::Sequencer, verifier::Verifier};
use alloy_primitives::{B256, TxKind};
use alloy_sol_types::SolEvent as _;
use anyhow::{Context as _, Result, ensure};
use openledger_l1::contracts::RollupPortal;
use openledger_primitives::{JovianUpgrade, Transaction};
use openledger_protocol::{L1Attributes, jovian_upgrade_deposits};
use openledger_testing::rpc::quantity;
use serde_json::{Value, json};
use std::collections::HashSet;

/// Blocks between those whose output roots are compared.
const OUTPUT_STRIDE: usize = 7;
/// L1 blocks within which what was acknowledged must be sealed.
const SEAL_TICKS_MAX: u64 = 5;
/// Times that things must come to rest within.
const ROUNDS_MAX: u64 = 5;

impl<L: L1> World<L> {
    /// Verifier = sequencer in heads, hashes and output roots; a verifier that begins anew comes to the
    /// same; every acknowledged transaction is in the chain, and every deposit of the L1 once.
    pub(crate) async fn check(&mut self) -> Result<()> {
        let heads = self.sequencer()?.heads().await?;
        let verified = self.verifier()?.heads();
        ensure!(
            heads.safe == heads.unsafe_head,
            "unsafe is not safe: {heads:?}"
        );
        ensure!(
            verified.safe == heads.safe,
            "verifier {verified:?}, sequencer {heads:?}"
        );
        ensure!(verified.unsafe_head == verified.safe, "{verified:?}");
        let head = heads.safe.number;
        let site = self.site();
        let verifier = self.verifier.as_ref().context("no verifier runs")?;
        let sequencer = self.sequencer.as_mut().context("no sequencer runs")?;
        compare(sequencer, verifier, head).await?;
        derive_anew(&site, verifier, head).await?;
        self.check_transactions(head).await
    }

    /// Lets everything come to rest, then checks it.
    pub(crate) async fn finish(&mut self) -> Result<()> {
        for _ in 0..ROUNDS_MAX {
            self.seal().await?;
            self.settle().await?;
            // What a reorganization unwound late waits for another block.
            if self.unsealed().await? == 0 {
                self.check().await?;
                return self.record();
            }
        }
        anyhow::bail!(
            "{} acknowledged transactions are in no block",
            self.unsealed().await?
        )
    }

    /// How many acknowledged transactions are in no sealed block.
    pub(crate) async fn unsealed(&mut self) -> Result<usize> {
        let params: Vec<Value> = self.acknowledged.iter().map(|hash| json!([hash])).collect();
        let sequencer = self.sequencer()?;
        let receipts = sequencer
            .rpc
            .call_each("eth_getTransactionByHash", &params)
            .await?;
        let head = sequencer.heads().await?.unsafe_head.number;
        let sealed = |tx: &&Value| quantity(&tx["blockNumber"]).is_ok_and(|number| number <= head);
        Ok(receipts.len() - receipts.iter().filter(sealed).count())
    }

    /// Lets time pass until every acknowledged transaction is in a sealed block.
    async fn seal(&mut self) -> Result<()> {
        for _ in 0..SEAL_TICKS_MAX {
            self.tick().await?;
            if self.unsealed().await? == 0 {
                break;
            }
        }
        Ok(())
    }

    async fn check_transactions(&self, head: u64) -> Result<()> {
        let Derived {
            signed,
            deposits,
            origin,
        } = derived(self.verifier()?, head)?;
        for hash in &self.acknowledged {
            ensure!(
                signed.contains(hash),
                "acknowledged transaction {hash} is lost"
            );
        }
        // What L1 says up to the head's origin, in its order.
        let portal = self.files.l1.contracts.portal;
        let first = self.files.rollup.genesis.l1.number + 1;
        let mut expected = Vec::new();
        for number in first..=origin {
            let block = self.l1.block(number).await?;
            let logs = block.iter().flat_map(|tx| tx.receipt.logs());
            for log in logs.filter(|log| log.address == portal) {
                if log.topics().first() == Some(&RollupPortal::TransactionDeposited::SIGNATURE_HASH)
                {
                    let event = RollupPortal::TransactionDeposited::decode_log(log)?;
                    let mint = event.opaqueData.get(16..32).context("a mint")?;
                    let mint = u128::from_be_bytes(mint.try_into()?);
                    expected.push((event.to.into(), mint));
                }
            }
        }
        ensure!(
            deposits == expected,
            "deposits differ: L2 {deposits:?}, L1 {expected:?}"
        );
        Ok(())
    }
}

/// What a verifier's chain holds.
pub(crate) struct Derived {
    /// Signed transactions.
    pub(crate) signed: HashSet<B256>,
    /// Recipient and mint of each deposit of a user, in order.
    pub(crate) deposits: Vec<(TxKind, u128)>,
    /// The L1 origin of the head.
    pub(crate) origin: u64,
}

pub(crate) fn derived(verifier: &Verifier, head: u64) -> Result<Derived> {
    let mut derived = Derived {
        signed: HashSet::new(),
        deposits: Vec::new(),
        origin: 0,
    };
    let upgrades = jovian_upgrade_deposits(&JovianUpgrade::default()).into_iter();
    let upgrades: HashSet<B256> = upgrades.map(|upgrade| upgrade.source_hash).collect();
    for number in 1..=head {
        let block = verifier.chain.block(number)?.context("a block")?;
        for (index, tx) in block.block.body.transactions.iter().enumerate() {
            match tx {
                Transaction::Deposit(_) if index == 0 => {
                    derived.origin = L1Attributes::from_deposit(tx)?.number;
                }
                // L1 doesn't say them, the chain's files do.
                Transaction::Deposit(deposit) if upgrades.contains(&deposit.source_hash) => {}
                Transaction::Deposit(deposit) => derived.deposits.push((deposit.to, deposit.mint)),
                other => ensure!(
                    derived.signed.insert(other.tx_hash()),
                    "a transaction twice"
                ),
            }
        }
    }
    Ok(derived)
}

/// The sequencer's blocks and output roots are the verifier's.
pub(crate) async fn compare(
    sequencer: &mut Sequencer,
    verifier: &Verifier,
    head: u64,
) -> Result<()> {
    let numbers: Vec<Value> = (0..=head)
        .map(|number| json!([format!("{number:#x}"), false]))
        .collect();
    let blocks = sequencer
        .rpc
        .call_each("eth_getBlockByNumber", &numbers)
        .await?;
    for (number, block) in (0..).zip(&blocks) {
        let hash: B256 = serde_json::from_value(block["hash"].clone())?;
        let ours = verifier.chain.block(number)?.context("a block")?.hash;
        ensure!(
            hash == ours,
            "block {number}: sequencer {hash}, verifier {ours}"
        );
    }
    let sampled: Vec<u64> = (0..=head).step_by(OUTPUT_STRIDE).chain([head]).collect();
    let params: Vec<Value> = sampled
        .iter()
        .map(|number| json!([format!("{number:#x}")]))
        .collect();
    let outputs = sequencer
        .rpc
        .call_each("optimism_outputAtBlock", &params)
        .await?;
    for (number, output) in sampled.into_iter().zip(&outputs) {
        let root: B256 = serde_json::from_value(output["outputRoot"].clone())?;
        ensure!(
            root == verifier.output_root(number)?,
            "output root of block {number}"
        );
    }
    Ok(())
}

/// A verifier that begins anew comes to the same block.
pub(crate) async fn derive_anew(site: &Site, verifier: &Verifier, head: u64) -> Result<()> {
    let fresh = Verifier::start(site, &format!("fresh-{head}"))?;
    crate::until("a verifier that begins anew", || async {
        Ok((fresh.heads().safe.number >= head).then_some(()))
    })
    .await?;
    ensure!(
        fresh.output_root(head)? == verifier.output_root(head)?,
        "a verifier that began anew differs"
    );
    fresh.stop().await
}
