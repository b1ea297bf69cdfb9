use alloc::{vec, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, Log, LogData, TxKind, U256, b256};
use op_alloy_consensus::{TxDeposit, UserDepositSource};

/// keccak256 of `TransactionDeposited(address,address,uint256,bytes)`.
pub const TRANSACTION_DEPOSITED_TOPIC: B256 =
    b256!("b3813568d9991fc951961fcb4c784893574240a28925604d09fc577c55bb7c32");
/// Bytes of version 0 opaque data before the calldata: mint, value, gas limit, creation flag.
pub const DEPOSIT_OPAQUE_BYTES_MIN: usize = 32 + 32 + 8 + 1;

/// Offset and length of the `bytes` argument.
const HEAD: usize = 64;

/// Why a log of the portal is no deposit. Deposits can't be skipped: derivation stops on this.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DepositError {
    /// The event has another number of topics than four.
    #[error("deposit event has {count} topics, not 4")]
    Topics {
        /// Topics found.
        count: usize,
    },
    /// The first topic is another event's.
    #[error("event {topic} is no deposit")]
    Event {
        /// The first topic.
        topic: B256,
    },
    /// The version is not 0.
    #[error("deposit version {version} is unknown")]
    Version {
        /// The fourth topic.
        version: B256,
    },
    /// The log data isn't one ABI-encoded `bytes` with the least padding.
    #[error("deposit event data of {len} bytes is no ABI-encoded byte string")]
    Data {
        /// Length of the log data.
        len: usize,
    },
    /// The opaque data is too short.
    #[error("deposit of {len} bytes is shorter than {DEPOSIT_OPAQUE_BYTES_MIN}")]
    TooShort {
        /// Its length.
        len: usize,
    },
    /// The minted amount is above 2^128 - 1 wei, more than there can be of the token.
    #[error("deposit mints {mint} wei, which no token supply covers")]
    Mint {
        /// The amount.
        mint: U256,
    },
}

/// Decodes the portal's event `TransactionDeposited(address indexed from, address indexed to, uint256
/// indexed version, bytes opaqueData)` into the deposit transaction that it stands for.
///
/// `log_index` counts the logs of the whole L1 block from 0. The opaque data of version 0 is
///
/// | offset | width | field                                                        |
/// |--------|-------|--------------------------------------------------------------|
/// | 0      | 32    | mint, wei, big-endian                                        |
/// | 32     | 32    | value, wei, big-endian                                       |
/// | 64     | 8     | gas limit, big-endian                                        |
/// | 72     | 1     | 0 for a call of `to`, anything else for a contract creation  |
/// | 73     | …     | calldata                                                     |
///
/// Source: OP specification, "Deposits".
///
/// # Errors
/// A log that is malformed in any way; derivation can't go on past it.
pub fn decode_deposit(
    log: &Log,
    l1_block_hash: B256,
    log_index: u64,
) -> Result<TxDeposit, DepositError> {
    let [event, from, to, version] = log.topics() else {
        return Err(DepositError::Topics {
            count: log.topics().len(),
        });
    };
    if *event != TRANSACTION_DEPOSITED_TOPIC {
        return Err(DepositError::Event { topic: *event });
    }
    if !version.is_zero() {
        return Err(DepositError::Version { version: *version });
    }
    let opaque = opaque_data(&log.data.data)?;
    let short = DepositError::TooShort { len: opaque.len() };
    let (mint, rest) = opaque.split_first_chunk::<32>().ok_or(short)?;
    let (value, rest) = rest.split_first_chunk::<32>().ok_or(short)?;
    let (gas_limit, rest) = rest.split_first_chunk::<8>().ok_or(short)?;
    let (creation, input) = rest.split_first().ok_or(short)?;
    let mint = U256::from_be_bytes(*mint);
    Ok(TxDeposit {
        source_hash: UserDepositSource::new(l1_block_hash, log_index).source_hash(),
        from: Address::from_word(*from),
        to: if *creation == 0 {
            TxKind::Call(Address::from_word(*to))
        } else {
            TxKind::Create
        },
        mint: u128::try_from(mint).map_err(|_| DepositError::Mint { mint })?,
        value: U256::from_be_bytes(*value),
        gas_limit: u64::from_be_bytes(*gas_limit),
        is_system_transaction: false,
        input: if input.is_empty() {
            Bytes::new()
        } else {
            log.data.data.slice_ref(input)
        },
    })
}

/// The one `bytes` argument in a log's data.
fn opaque_data(data: &[u8]) -> Result<&[u8], DepositError> {
    let malformed = DepositError::Data { len: data.len() };
    if !data.len().is_multiple_of(32) {
        return Err(malformed);
    }
    let (head, content) = data.split_at_checked(HEAD).ok_or(malformed)?;
    let mut head = crate::abi::Words::new(head);
    if head.u64() != Some(32) {
        return Err(malformed);
    }
    let len = head
        .u64()
        .and_then(|len| usize::try_from(len).ok())
        .ok_or(malformed)?;
    // No more than 31 bytes of padding: the data was a multiple of 32 already.
    if content.len().saturating_sub(len) >= 32 {
        return Err(malformed);
    }
    content.get(..len).ok_or(malformed)
}

/// The event that `portal` emits for `deposit`: the inverse of [`decode_deposit`], for tests and
/// simulators. The source hash is not part of it.
pub fn encode_deposit(portal: Address, deposit: &TxDeposit) -> Log {
    let len = DEPOSIT_OPAQUE_BYTES_MIN.saturating_add(deposit.input.len());
    let mut data = Vec::with_capacity(HEAD.saturating_add(len).next_multiple_of(32));
    data.extend_from_slice(&U256::from(32).to_be_bytes::<32>());
    data.extend_from_slice(&U256::from(len).to_be_bytes::<32>());
    data.extend_from_slice(&U256::from(deposit.mint).to_be_bytes::<32>());
    data.extend_from_slice(&deposit.value.to_be_bytes::<32>());
    data.extend_from_slice(&deposit.gas_limit.to_be_bytes());
    data.push(u8::from(deposit.to.is_create()));
    data.extend_from_slice(&deposit.input);
    data.resize(data.len().next_multiple_of(32), 0);
    let to = deposit.to.to().copied().unwrap_or_default();
    let topics = vec![
        TRANSACTION_DEPOSITED_TOPIC,
        deposit.from.into_word(),
        to.into_word(),
        B256::ZERO,
    ];
    Log {
        address: portal,
        data: LogData::new_unchecked(topics, data.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, hex, keccak256};
    use proptest::prelude::*;

    const PORTAL: Address = address!("00000000000000000000000000000000000000aa");

    fn deposit() -> TxDeposit {
        TxDeposit {
            source_hash: UserDepositSource::new(B256::repeat_byte(9), 3).source_hash(),
            from: address!("1111111111111111111111111111111111111111"),
            to: TxKind::Call(address!("2222222222222222222222222222222222222222")),
            mint: 5,
            value: U256::from(7),
            gas_limit: 21_000,
            is_system_transaction: false,
            input: Bytes::from_static(&[0xde, 0xad]),
        }
    }

    fn decode(log: &Log) -> Result<TxDeposit, DepositError> {
        decode_deposit(log, B256::repeat_byte(9), 3)
    }

    #[test]
    fn topic_is_the_event_s() {
        assert_eq!(
            TRANSACTION_DEPOSITED_TOPIC,
            keccak256("TransactionDeposited(address,address,uint256,bytes)")
        );
    }

    #[test]
    fn source_hash_is_the_specification_s() {
        // keccak256(bytes32(0) ‖ keccak256(l1 block hash ‖ bytes32(log index))).
        let mut id = [9; 64];
        id[32..].fill(0);
        id[63] = 3;
        let mut domain = [0; 64];
        domain[32..].copy_from_slice(keccak256(id).as_slice());
        let log = encode_deposit(PORTAL, &deposit());
        assert_eq!(
            decode(&log).map(|deposit| deposit.source_hash),
            Ok(keccak256(domain))
        );
    }

    #[test]
    fn layout_is_the_portal_s() {
        let log = encode_deposit(PORTAL, &deposit());
        let expected = hex!(
            "0000000000000000000000000000000000000000000000000000000000000020"
            "000000000000000000000000000000000000000000000000000000000000004b"
            "0000000000000000000000000000000000000000000000000000000000000005"
            "0000000000000000000000000000000000000000000000000000000000000007"
            "0000000000005208" "00" "dead" "000000000000000000000000000000000000000000"
        );
        assert_eq!(hex::encode(&log.data.data), hex::encode(expected));
        assert_eq!(decode(&log), Ok(deposit()));
    }

    #[test]
    fn malformed_logs_are_errors() {
        let good = encode_deposit(PORTAL, &deposit());
        let with_data = |data: Vec<u8>| Log {
            address: PORTAL,
            data: LogData::new_unchecked(good.topics().to_vec(), data.into()),
        };
        let with_topics = |topics: Vec<B256>| Log {
            address: PORTAL,
            data: LogData::new_unchecked(topics, good.data.data.clone()),
        };
        let data = good.data.data.to_vec();
        assert_eq!(
            decode(&with_topics(good.topics()[..3].to_vec())),
            Err(DepositError::Topics { count: 3 })
        );
        let mut topics = good.topics().to_vec();
        topics[3] = B256::with_last_byte(1);
        assert_eq!(
            decode(&with_topics(topics)),
            Err(DepositError::Version {
                version: B256::with_last_byte(1)
            })
        );
        let mut topics = good.topics().to_vec();
        topics[0] = B256::ZERO;
        assert_eq!(
            decode(&with_topics(topics)),
            Err(DepositError::Event { topic: B256::ZERO })
        );
        // Not a multiple of 32, a wrong offset, a length beyond the data, padding of a whole word.
        assert!(decode(&with_data(data[..data.len() - 1].to_vec())).is_err());
        let mut offset = data.clone();
        offset[31] = 64;
        assert!(decode(&with_data(offset)).is_err());
        let mut long = data.clone();
        long[63] = 0x61;
        assert!(decode(&with_data(long)).is_err());
        let mut padded = data.clone();
        padded.extend([0; 32]);
        assert!(decode(&with_data(padded)).is_err());
        // A mint beyond u128.
        let mut mint = data;
        mint[64] = 1;
        assert!(matches!(
            decode(&with_data(mint)),
            Err(DepositError::Mint { .. })
        ));
    }

    #[test]
    fn any_nonzero_flag_creates() {
        let mut log = encode_deposit(PORTAL, &deposit());
        let mut data = log.data.data.to_vec();
        data[64 + 72] = 0xff;
        log.data.data = data.into();
        assert_eq!(decode(&log).map(|deposit| deposit.to), Ok(TxKind::Create));
    }

    proptest! {
        #[test]
        fn round_trip(
            from in any::<[u8; 20]>(),
            to in proptest::option::of(any::<[u8; 20]>()),
            mint in any::<u128>(),
            value in any::<[u8; 32]>(),
            gas_limit in any::<u64>(),
            input in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            let deposit = TxDeposit {
                source_hash: UserDepositSource::new(B256::repeat_byte(9), 3).source_hash(),
                from: from.into(),
                to: to.map_or(TxKind::Create, |to| TxKind::Call(to.into())),
                mint,
                value: U256::from_be_bytes(value),
                gas_limit,
                is_system_transaction: false,
                input: input.into(),
            };
            prop_assert_eq!(decode(&encode_deposit(PORTAL, &deposit)), Ok(deposit));
        }

        #[test]
        fn arbitrary_data_decodes_or_fails(mut data in proptest::collection::vec(any::<u8>(), 0..400), shape in any::<bool>()) {
            if shape && data.len() >= 64 {
                let len = data.len() - 64;
                data.truncate(64 + len / 32 * 32);
                data[..64].fill(0);
                data[31] = 32;
                let len = (data.len() - 64).saturating_sub(7);
                data[62..64].copy_from_slice(&(len as u16).to_be_bytes());
            }
            let log = Log {
                address: PORTAL,
                data: LogData::new_unchecked(
                    vec![TRANSACTION_DEPOSITED_TOPIC, B256::ZERO, B256::ZERO, B256::ZERO],
                    data.into(),
                ),
            };
            let _ = decode(&log);
        }
    }
}
