use crate::abi::Words;
use alloy_primitives::{Address, B64, B256, Log, b256};
use openledger_primitives::SystemConfig;

/// keccak256 of `ConfigUpdate(uint256,uint8,bytes)`.
pub const CONFIG_UPDATE_TOPIC: B256 =
    b256!("1d2b0bda21d56b8bd12d4f94ebacffdfb35f5e226f84b461103bb8beab6353be");

/// A change of the system configuration, as L1's `SystemConfig` announces it.
///
/// | type | content                                                       |
/// |------|---------------------------------------------------------------|
/// | 0    | batcher address, left-padded                                  |
/// | 1    | overhead (ignored), scalar                                    |
/// | 2    | gas limit, u64                                                |
/// | 3    | unsafe block signer: no matter of derivation                  |
/// | 4    | EIP-1559 denominator (u32) and elasticity (u32) in the last 8 bytes |
/// | 5    | operator fee scalar (u32) and constant (u64) in the last 12 bytes   |
/// | 6    | minimum base fee, u64 (Jovian)                                |
/// | 7    | DA footprint gas scalar, u16 (Jovian)                         |
///
/// Source: OP specification, "System config updates".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigUpdate {
    /// Type 0: who posts batches.
    Batcher(Address),
    /// Type 1: the fee scalar, in one of the two valid forms.
    FeeScalars {
        /// See [`SystemConfig::scalar`].
        scalar: B256,
    },
    /// Type 2: the L2 block gas limit.
    GasLimit(u64),
    /// Type 3: changes nothing here.
    UnsafeBlockSigner,
    /// Type 4: EIP-1559 parameters.
    Eip1559Params(B64),
    /// Type 5: operator fee parameters.
    OperatorFee(B256),
    /// Type 6: minimum base fee, wei per gas.
    MinBaseFee(u64),
    /// Type 7: gas per byte of DA footprint.
    DaFootprintGasScalar(u16),
}

/// Why a log changes nothing, or can't be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ConfigUpdateError {
    /// The event has another number of topics than three.
    #[error("configuration event has {count} topics, not 3")]
    Topics {
        /// Topics found.
        count: usize,
    },
    /// The first topic is another event's.
    #[error("event {topic} is no configuration update")]
    Event {
        /// The first topic.
        topic: B256,
    },
    /// The version is not 0.
    #[error("configuration update version {version} is unknown")]
    Version {
        /// The second topic.
        version: B256,
    },
    /// The type is unknown.
    #[error("configuration update type {update_type} is unknown")]
    Type {
        /// The third topic.
        update_type: B256,
    },
    /// The data isn't what the type prescribes.
    #[error("configuration update of type {update_type} is malformed")]
    Data {
        /// The type.
        update_type: u8,
    },
    /// The fee scalar is in no known form, or its padding isn't zero.
    #[error("fee scalar {scalar} has no valid form")]
    Scalar {
        /// The scalar.
        scalar: B256,
    },
}

impl ConfigUpdate {
    /// Decodes the event `ConfigUpdate(uint256 indexed version, uint8 indexed updateType, bytes
    /// data)`.
    ///
    /// # Errors
    /// Anything that is not exactly the ABI encoding. Such an update is skipped (OP specification:
    /// "If a System Config Update cannot be parsed for any reason, it is not applied and is instead
    /// skipped").
    pub fn decode(log: &Log) -> Result<Self, ConfigUpdateError> {
        let [event, version, update_type] = log.topics() else {
            return Err(ConfigUpdateError::Topics {
                count: log.topics().len(),
            });
        };
        if *event != CONFIG_UPDATE_TOPIC {
            return Err(ConfigUpdateError::Event { topic: *event });
        }
        if !version.is_zero() {
            return Err(ConfigUpdateError::Version { version: *version });
        }
        let unknown = ConfigUpdateError::Type {
            update_type: *update_type,
        };
        let (zeros, [type_byte]) = update_type.0.split_last_chunk::<1>().ok_or(unknown)?;
        if zeros.iter().any(|byte| *byte != 0) || *type_byte > 7 {
            return Err(unknown);
        }
        let update =
            Self::decode_data(*type_byte, &log.data.data).ok_or(ConfigUpdateError::Data {
                update_type: *type_byte,
            })?;
        if let Self::FeeScalars { scalar } = update {
            check_scalar(scalar)?;
        }
        Ok(update)
    }

    fn decode_data(update_type: u8, data: &[u8]) -> Option<Self> {
        if update_type == 3 {
            return Some(Self::UnsafeBlockSigner);
        }
        let mut words = Words::new(data);
        words.bytes_head(if update_type == 1 { 64 } else { 32 })?;
        let update = match update_type {
            0 => Self::Batcher(words.address()?),
            1 => {
                // The overhead has had no meaning since Ecotone.
                words.word()?;
                Self::FeeScalars {
                    scalar: words.word()?.into(),
                }
            }
            2 => Self::GasLimit(words.u64()?),
            4 => Self::Eip1559Params(B64::from(*words.word()?.last_chunk::<8>()?)),
            5 => Self::OperatorFee(words.word()?.into()),
            6 => Self::MinBaseFee(words.u64()?),
            7 => Self::DaFootprintGasScalar(u16::try_from(words.u64()?).ok()?),
            _ => return None,
        };
        words.is_empty().then_some(update)
    }

    /// Applies the update. Those of Jovian mean nothing before it: the first block without them in its
    /// header or its L1 attributes forgets them ([`system_config_after`](crate::system_config_after)).
    pub const fn apply(self, config: &mut SystemConfig) {
        match self {
            Self::Batcher(address) => config.batcher_address = address,
            Self::FeeScalars { scalar } => {
                config.scalar = scalar;
                config.overhead = B256::ZERO;
            }
            Self::GasLimit(gas_limit) => config.gas_limit = gas_limit,
            Self::UnsafeBlockSigner => {}
            Self::Eip1559Params(params) => config.eip1559_params = params,
            Self::OperatorFee(params) => config.operator_fee_params = params,
            Self::MinBaseFee(fee) => config.min_base_fee = fee,
            Self::DaFootprintGasScalar(scalar) => config.da_footprint_gas_scalar = scalar,
        }
    }
}

/// Version 0 is one number below 2^32, version 1 two; all else must be zero (op-node ignores others).
fn check_scalar(scalar: B256) -> Result<(), ConfigUpdateError> {
    let padding = match scalar.0[0] {
        0 => 1..28,
        1 => 1..24,
        _ => return Err(ConfigUpdateError::Scalar { scalar }),
    };
    if scalar.0[padding].iter().any(|byte| *byte != 0) {
        return Err(ConfigUpdateError::Scalar { scalar });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{LogData, U256, address, keccak256};
    use proptest::prelude::*;

    fn log(update_type: u8, words: &[U256]) -> Log {
        let mut data = Vec::new();
        data.extend(U256::from(32).to_be_bytes::<32>());
        data.extend(U256::from(words.len() * 32).to_be_bytes::<32>());
        for word in words {
            data.extend(word.to_be_bytes::<32>());
        }
        let topics = vec![
            CONFIG_UPDATE_TOPIC,
            B256::ZERO,
            B256::with_last_byte(update_type),
        ];
        Log {
            address: Address::ZERO,
            data: LogData::new_unchecked(topics, data.into()),
        }
    }

    fn config() -> SystemConfig {
        SystemConfig {
            batcher_address: Address::ZERO,
            overhead: B256::ZERO,
            scalar: B256::ZERO,
            gas_limit: 30_000_000,
            eip1559_params: B64::ZERO,
            operator_fee_params: B256::ZERO,
            min_base_fee: 0,
            da_footprint_gas_scalar: 0,
        }
    }

    #[test]
    fn topic_is_the_event_s() {
        assert_eq!(
            CONFIG_UPDATE_TOPIC,
            keccak256("ConfigUpdate(uint256,uint8,bytes)")
        );
    }

    #[test]
    fn every_type_changes_its_field_only() {
        let batcher = address!("00000000000000000000000000000000000000bb");
        let scalar = SystemConfig::encode_scalar(5, 6);
        let operator = SystemConfig::encode_operator_fee(7, 8);
        let cases = [
            (
                log(0, &[U256::from_be_slice(batcher.as_slice())]),
                SystemConfig {
                    batcher_address: batcher,
                    ..config()
                },
            ),
            (
                log(1, &[U256::from(9), U256::from_be_bytes(scalar.0)]),
                SystemConfig { scalar, ..config() },
            ),
            (
                log(2, &[U256::from(60_000_000)]),
                SystemConfig {
                    gas_limit: 60_000_000,
                    ..config()
                },
            ),
            (log(3, &[U256::MAX]), config()),
            (
                log(4, &[(U256::from(250) << 32) | U256::from(6)]),
                SystemConfig {
                    eip1559_params: B64::from((250_u64 << 32) | 6),
                    ..config()
                },
            ),
            (
                log(5, &[U256::from_be_bytes(operator.0)]),
                SystemConfig {
                    operator_fee_params: operator,
                    ..config()
                },
            ),
            (
                log(6, &[U256::from(u64::MAX)]),
                SystemConfig {
                    min_base_fee: u64::MAX,
                    ..config()
                },
            ),
            (
                log(7, &[U256::from(100)]),
                SystemConfig {
                    da_footprint_gas_scalar: 100,
                    ..config()
                },
            ),
        ];
        for (log, expected) in cases {
            let mut changed = config();
            ConfigUpdate::decode(&log)
                .expect("valid")
                .apply(&mut changed);
            assert_eq!(changed, expected);
        }
    }

    #[test]
    fn malformed_updates_are_errors() {
        let bad = [
            log(0, &[U256::MAX]),
            log(0, &[]),
            log(0, &[U256::from(1), U256::from(2)]),
            log(1, &[U256::from(1)]),
            log(1, &[U256::ZERO, U256::MAX]),
            log(1, &[U256::ZERO, U256::from(1) << 32]),
            log(2, &[U256::MAX]),
            log(4, &[]),
            log(6, &[U256::from(1) << 64]),
            log(6, &[U256::from(1), U256::from(2)]),
            log(7, &[U256::from(70_000)]),
            log(7, &[]),
            log(8, &[U256::ZERO]),
        ];
        for log in bad {
            assert!(ConfigUpdate::decode(&log).is_err(), "{log:?}");
        }
        let mut trailing = log(2, &[U256::from(1)]);
        let mut data = trailing.data.data.to_vec();
        data.push(0);
        trailing.data.data = data.into();
        assert_eq!(
            ConfigUpdate::decode(&trailing),
            Err(ConfigUpdateError::Data { update_type: 2 })
        );
    }

    proptest! {
        #[test]
        fn arbitrary_data_decodes_or_fails(update_type in 0..9_u8, data in proptest::collection::vec(any::<u8>(), 0..160)) {
            let topics = vec![CONFIG_UPDATE_TOPIC, B256::ZERO, B256::with_last_byte(update_type)];
            let log = Log { address: Address::ZERO, data: LogData::new_unchecked(topics, data.into()) };
            let _ = ConfigUpdate::decode(&log);
        }
    }
}
