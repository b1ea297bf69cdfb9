//! What is to change in `SystemConfig`, and who may.

use super::price::FeeSettings;
use crate::bridge::{Connection, ask, duration, say};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_sol_types::SolCall;
use openledger_l1::contracts::{SystemConfig, TimelockController};

/// A call of `SystemConfig`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    /// What it does, for people.
    pub(super) what: &'static str,
    pub(super) data: Bytes,
}

/// Who owns `SystemConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// An account with a key.
    Account(Address),
    /// A timelock, with its delay in seconds.
    Timelock(Address, u64),
    /// Another contract.
    Contract(Address),
}

/// Reads what is in force.
///
/// # Errors
/// An L1 that doesn't answer, or a contract that is another.
pub(super) async fn present(connection: &Connection) -> anyhow::Result<FeeSettings> {
    let (l1, config) = (&connection.l1, connection.contracts().system_config);
    Ok(FeeSettings {
        base_fee_scalar: ask(l1, config, SystemConfig::basefeeScalarCall {}).await?,
        blob_base_fee_scalar: ask(l1, config, SystemConfig::blobbasefeeScalarCall {}).await?,
        operator_fee_scalar: ask(l1, config, SystemConfig::operatorFeeScalarCall {}).await?,
        operator_fee_constant: ask(l1, config, SystemConfig::operatorFeeConstantCall {}).await?,
    })
}

/// The calls that lead from one to the other: none, one or two.
pub(super) fn changes(from: FeeSettings, to: FeeSettings) -> Vec<Change> {
    let mut changes = Vec::new();
    let scalars = |settings: FeeSettings| (settings.base_fee_scalar, settings.blob_base_fee_scalar);
    if scalars(from) != scalars(to) {
        let call = SystemConfig::setGasConfigEcotoneCall {
            newBasefeeScalar: to.base_fee_scalar,
            newBlobbasefeeScalar: to.blob_base_fee_scalar,
        };
        changes.push(Change {
            what: "change of the fee scalars",
            data: call.abi_encode().into(),
        });
    }
    let operator =
        |settings: FeeSettings| (settings.operator_fee_scalar, settings.operator_fee_constant);
    if operator(from) != operator(to) {
        let call = SystemConfig::setOperatorFeeScalarsCall {
            newOperatorFeeScalar: to.operator_fee_scalar,
            newOperatorFeeConstant: to.operator_fee_constant,
        };
        changes.push(Change {
            what: "change of the operator fee",
            data: call.abi_encode().into(),
        });
    }
    changes
}

impl Owner {
    /// Asks who owns `SystemConfig`.
    ///
    /// # Errors
    /// An L1 that doesn't answer, or a contract that is another.
    pub(super) async fn read(connection: &Connection) -> anyhow::Result<Self> {
        let (l1, contracts) = (&connection.l1, connection.contracts());
        let owner = ask(l1, contracts.system_config, SystemConfig::ownerCall {}).await?;
        if owner == contracts.parameter_timelock {
            let delay = TimelockController::getMinDelayCall {};
            let delay = ask(l1, owner, delay).await?;
            return Ok(Self::Timelock(owner, delay.saturating_to()));
        }
        let code = l1.code(owner, BlockId::latest()).await?;
        // EIP-7702: an account that delegates has a key all the same.
        let has_key = code.is_empty() || code.starts_with(&[0xef, 0x01, 0x00]);
        Ok(if has_key {
            Self::Account(owner)
        } else {
            Self::Contract(owner)
        })
    }

    /// Who it is, for people.
    pub(super) fn words(self) -> String {
        match self {
            Self::Account(owner) => owner.to_string(),
            Self::Timelock(owner, delay) => {
                format!("{owner}, a timelock with a delay of {}", duration(delay))
            }
            Self::Contract(owner) => format!("{owner}, a contract"),
        }
    }

    /// Prints the calls for whoever can make them.
    pub(super) fn print(self, config: Address, changes: &[Change]) {
        for change in changes {
            say(
                "call",
                format_args!("{} of SystemConfig {config}:", change.what),
            );
            println!("  {}", change.data);
        }
        match self {
            Self::Account(owner) => {
                say("sent by", format_args!("{owner}, which owns SystemConfig"))
            }
            Self::Contract(owner) => say(
                "sent by",
                format_args!("{owner}, the contract that owns SystemConfig, by its own rules"),
            ),
            Self::Timelock(owner, delay) => {
                let (schedule, execute) = through_timelock(config, changes, delay);
                say(
                    "first",
                    format_args!("an account that may propose calls timelock {owner} with:"),
                );
                println!("  {schedule}");
                say(
                    "then",
                    format_args!(
                        "after {}, anyone who may execute calls it with:",
                        duration(delay)
                    ),
                );
                println!("  {execute}");
            }
        }
    }
}

/// What a timelock is called with, now and after its delay.
fn through_timelock(config: Address, changes: &[Change], delay: u64) -> (Bytes, Bytes) {
    let targets = vec![config; changes.len()];
    let values = vec![U256::ZERO; changes.len()];
    let payloads: Vec<Bytes> = changes.iter().map(|change| change.data.clone()).collect();
    // Tells an operation from others with the same calls: without the time it could be queued once only.
    // What is printed is what has to be carried out, so that it must follow from the calls alone.
    let salt = keccak256(payloads.concat());
    let schedule = TimelockController::scheduleBatchCall {
        targets: targets.clone(),
        values: values.clone(),
        payloads: payloads.clone(),
        predecessor: B256::ZERO,
        salt,
        delay: U256::from(delay),
    };
    let execute = TimelockController::executeBatchCall {
        targets,
        values,
        payloads,
        predecessor: B256::ZERO,
        salt,
    };
    (schedule.abi_encode().into(), execute.abi_encode().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FROM: FeeSettings = FeeSettings {
        base_fee_scalar: 1,
        blob_base_fee_scalar: 2,
        operator_fee_scalar: 3,
        operator_fee_constant: 4,
    };

    #[test]
    fn only_what_differs_is_changed() {
        assert!(changes(FROM, FROM).is_empty());
        let scalars = FeeSettings {
            blob_base_fee_scalar: 9,
            ..FROM
        };
        let calls = changes(FROM, scalars);
        let expected = SystemConfig::setGasConfigEcotoneCall {
            newBasefeeScalar: 1,
            newBlobbasefeeScalar: 9,
        };
        assert_eq!(calls.len(), 1);
        assert_eq!(calls[0].data, expected.abi_encode());
        let all = FeeSettings {
            operator_fee_constant: 9,
            ..scalars
        };
        assert_eq!(changes(FROM, all).len(), 2);
    }

    #[test]
    fn a_timelock_executes_what_was_scheduled() {
        let config = Address::repeat_byte(1);
        let all = FeeSettings {
            base_fee_scalar: 7,
            operator_fee_scalar: 8,
            ..FROM
        };
        let changes = changes(FROM, all);
        let (schedule, execute) = through_timelock(config, &changes, 60);
        let schedule = TimelockController::scheduleBatchCall::abi_decode(&schedule).unwrap();
        let execute = TimelockController::executeBatchCall::abi_decode(&execute).unwrap();
        assert_eq!(schedule.targets, [config; 2]);
        assert_eq!(schedule.delay, U256::from(60));
        assert_eq!(
            (schedule.payloads, schedule.salt, schedule.targets),
            (execute.payloads, execute.salt, execute.targets)
        );
    }
}
