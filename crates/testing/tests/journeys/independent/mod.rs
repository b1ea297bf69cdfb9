//! One chain with all in it that derivation must get right, for kona to derive as well (`crates/testing/kona`;
//! `docs/spec/batches.md`, "Against another implementation").
//!
//! An [`Author`] builds and posts it. What is here and not in the other journeys is that each L1 block holds exactly
//! what it is meant to. Left out is what kona is known to read otherwise.

mod author;
mod batches;
mod late;
mod posting;
mod settings;
mod signing;

use crate::record;
use alloy_primitives::{B256, Bytes, U256, hex};
use alloy_sol_types::{SolCall as _, SolEvent as _};
use anyhow::{Context as _, Result, ensure};
use author::Author;
use openledger_l1::contracts::RollupPortal;
use openledger_protocol::CONFIG_UPDATE_TOPIC;
use openledger_testing::{simulated_l1::Order, wallet::Wallet};
use signing::Sent;

/// A contract that emits what it is called with: four topics, then data.
///
/// ```text
/// CALLDATACOPY(0, 0, CALLDATASIZE)
/// LOG4(0x80, CALLDATASIZE - 0x80, MLOAD(0), MLOAD(0x20), MLOAD(0x40), MLOAD(0x60))
/// ```
const EMITTER: [u8; 32] = hex!("60178060095f395ff3365f5f376060516040516020515f51608036036080a400");

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_that_derivation_must_get_right() -> Result<()> {
    let mut author = Author::new().await?;
    tokio::task::block_in_place(|| {
        author.traffic(4)?;
        author.look_alikes()?;
        author.settings()?;
        author.without_effect()?;
        author.invalid()?;
        author.spans()?;
        author.late_frames()?;
        author.drift()?;
        author.silence()?;
        author.traffic(3)?;
        author.finish()
    })
}

impl Author {
    /// Users of both chains, and batches in all forms.
    fn traffic(&mut self, rounds: u64) -> Result<()> {
        for _ in 0..rounds {
            for _ in 0..=self.below(3) {
                self.deposits()?;
                self.mine(&[])?;
                self.catch_up(3)?;
            }
            let form = self.form();
            self.post_all(form, &[])?;
        }
        Ok(())
    }

    /// Deposits that wait on L1: of OPEN, of messages, of contracts, and some that revert.
    fn deposits(&mut self) -> Result<()> {
        for _ in 0..self.below(4) {
            let (to, mint) = (self.random().address(), U256::from(self.below(1_000_000)));
            self.deposit(&RollupPortal::depositERC20TransactionCall {
                to,
                mint,
                value: mint,
                gasLimit: 100_000,
                isCreation: false,
                data: Bytes::new(),
            })?;
        }
        let bytes = self.below(500) as usize;
        let data: Bytes = self.noise(bytes).into();
        let kind = self.below(5);
        let creates = kind == 1;
        let to = if creates {
            Default::default()
        } else {
            self.random().address()
        };
        let call = RollupPortal::depositERC20TransactionCall {
            to,
            mint: U256::from(kind * 7),
            value: U256::from(kind),
            gasLimit: 300_000,
            isCreation: creates,
            data,
        };
        if kind == 2 {
            // The portal takes no ETH.
            let order = Order {
                value: U256::ONE,
                ..Order::call(self.files.l1.contracts.portal, call.abi_encode())
            };
            self.l1.state().order(&order, &self.users[0])?;
            return Ok(());
        }
        self.deposit(&call)
    }

    fn deposit(&self, call: &RollupPortal::depositERC20TransactionCall) -> Result<()> {
        let order = Order::call(self.files.l1.contracts.portal, call.abi_encode());
        self.l1.state().order(&order, &self.users[1])?;
        Ok(())
    }

    /// Logs with the topics of deposits and of configuration updates, from a contract that is neither.
    fn look_alikes(&mut self) -> Result<()> {
        let owner = self.owner.clone();
        let block = self.mine(&[(owner.clone(), Sent::Creation(EMITTER.into()))])?;
        let emitter = block.transactions[0].contract.context("a contract")?;
        let deposit = RollupPortal::TransactionDeposited::SIGNATURE_HASH;
        let batcher_update = self.batcher.address().into_word();
        let bodies = [
            [deposit, B256::ZERO, B256::ZERO, B256::ZERO].concat(),
            [
                deposit,
                batcher_update,
                batcher_update,
                B256::repeat_byte(0xff),
            ]
            .concat(),
            [CONFIG_UPDATE_TOPIC, B256::ZERO, B256::ZERO, batcher_update].concat(),
        ];
        let mut sent: Vec<(Wallet, Sent)> = Vec::new();
        for mut body in bodies {
            let bytes = self.below(200) as usize;
            body.extend(self.noise(bytes));
            sent.push((owner.clone(), Sent::Data(2, emitter, body.into())));
        }
        // Real ones behind them, whose place among the block's logs makes their hashes.
        self.deposits()?;
        let block = self.mine(&sent)?;
        ensure!(
            block.transactions[..3]
                .iter()
                .all(|tx| tx.receipt.logs().len() == 1)
        );
        self.catch_up(1)?;
        self.traffic(1)
    }

    /// That all was there that was meant to be; then the record.
    fn finish(&self) -> Result<()> {
        let refused = self
            .recorder
            .derived
            .iter()
            .filter(|derived| derived.refused)
            .count();
        ensure!(refused == 2, "{refused} blocks could not be executed");
        for reason in [
            "Future",
            "EpochHash",
            "Epoch ",
            "EmptyTransaction",
            "TransactionType",
            "ParentCheck",
            "OriginCheck",
            "Drift",
            "TooLate",
        ] {
            ensure!(
                self.recorder
                    .dropped
                    .iter()
                    .any(|dropped| dropped.starts_with(reason)),
                "no batch was dropped for {reason}: {:#?}",
                self.recorder.dropped
            );
        }
        ensure!(self.safe() == self.chain.head().number, "all is derived");
        let l1 = self.l1.state();
        println!(
            "{} L1 blocks, {} L2 blocks",
            l1.blocks().len(),
            self.recorder.derived.len()
        );
        match record::place("independent")? {
            Some(place) => self.recorder.write(&l1, &place),
            None => Ok(()),
        }
    }
}
