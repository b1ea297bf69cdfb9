//! Changes of the system configuration.

use super::{
    author::Author,
    posting::{Form, PLAIN, SPAN},
    signing::Sent,
};
use alloy_sol_types::SolCall as _;
use anyhow::{Result, ensure};
use openledger_l1::contracts::SystemConfig;
use openledger_protocol::Compression;
use openledger_testing::{simulated_l1::Order, wallet::Wallet};

impl Author {
    /// Every setting is changed, some twice in a block; the batcher within a block that holds batches of both.
    pub(super) fn settings(&mut self) -> Result<()> {
        let denominator = 50 + self.below(200) as u32;
        let changes: [Vec<Vec<u8>>; 7] = [
            vec![gas_limit(40_000_000 + self.below(10_000_000))],
            vec![fee_parameters(denominator, 4), gas_limit(30_000_000)],
            vec![fee_parameters(0, 0)],
            vec![operator_fee(
                self.below(1_000) as u32,
                self.below(1_000_000),
            )],
            vec![
                SystemConfig::setGasConfigEcotoneCall {
                    newBasefeeScalar: self.below(100_000) as u32,
                    newBlobbasefeeScalar: self.below(1_000_000) as u32,
                }
                .abi_encode(),
            ],
            vec![
                SystemConfig::setUnsafeBlockSignerCall {
                    newUnsafeBlockSigner: self.random().address(),
                }
                .abi_encode(),
            ],
            vec![
                operator_fee(1, 1),
                operator_fee(0, 0),
                fee_parameters(denominator + 1, 6),
            ],
        ];
        for calls in changes {
            let sent: Vec<_> = calls.into_iter().map(|call| self.setting(call)).collect();
            self.deposits()?;
            self.all_succeed(&sent)?;
            // Blob gas and gas of any price.
            let excess = 40_000_000 + self.below(20_000_000);
            let base_fee = 1_000_000_000 + self.below(10_000_000_000);
            {
                let mut l1 = self.l1.state();
                l1.excess_blob_gas = Some(excess);
                l1.base_fee = Some(base_fee);
            }
            self.traffic(1)?;
        }
        self.rotation()
    }

    fn setting(&self, call: Vec<u8>) -> (Wallet, Sent) {
        let to = self.files.l1.contracts.system_config;
        let call = Sent::Call(Order::call(to, call));
        (self.owner.clone(), call)
    }

    fn all_succeed(&mut self, sent: &[(Wallet, Sent)]) -> Result<()> {
        let block = self.mine(sent)?;
        let first = &block.transactions[..sent.len()];
        ensure!(
            first.iter().all(|tx| tx.receipt.status()),
            "a call reverted"
        );
        Ok(())
    }

    /// The batcher changes in a block that holds batches of the old one, which don't count, and of the new one, which
    /// do, even before the change.
    fn rotation(&mut self) -> Result<()> {
        self.catch_up(1)?;
        self.pass(1)?;
        self.catch_up(1)?;
        let (old, new) = (self.batcher.clone(), self.successor.clone());
        let change = self.setting(
            SystemConfig::setBatcherHashCall {
                newBatcherHash: new.address().into_word(),
            }
            .abi_encode(),
        );
        let blocks = self.unposted()?;
        ensure!(blocks.len() >= 2, "two blocks to post");
        let form = Form {
            compression: Compression::Brotli(1),
            ..PLAIN
        };
        let first = self.channel(&blocks[..1], form)?;
        let rest = self.channel(&blocks[1..], SPAN)?;
        let by_new = self.carried(&first, Some(1))?.remove(0);
        let by_old = self.carried(&rest, Some(0))?.remove(0);
        let safe = self.safe();
        self.batcher = new.clone();
        self.mine(&[(old, by_old.clone()), (new, by_new), change])?;
        ensure!(
            self.safe() == safe + 1,
            "the new batcher's batch counts, the old one's doesn't"
        );
        self.post_all(SPAN, &[])
    }
}

fn gas_limit(gas_limit: u64) -> Vec<u8> {
    SystemConfig::setGasLimitCall {
        newGasLimit: gas_limit,
    }
    .abi_encode()
}

fn fee_parameters(denominator: u32, elasticity: u32) -> Vec<u8> {
    SystemConfig::setEIP1559ParamsCall {
        newDenominator: denominator,
        newElasticity: elasticity,
    }
    .abi_encode()
}

fn operator_fee(scalar: u32, constant: u64) -> Vec<u8> {
    SystemConfig::setOperatorFeeScalarsCall {
        newOperatorFeeScalar: scalar,
        newOperatorFeeConstant: constant,
    }
    .abi_encode()
}
