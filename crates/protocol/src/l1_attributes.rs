use crate::{L1Block, forks::active_before};
use alloc::vec::Vec;
use alloy_op_hardforks::OpHardfork;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use op_alloy_consensus::{L1InfoDepositSource, TxDeposit};
use openledger_primitives::{
    ChainConfig, DA_FOOTPRINT_GAS_SCALAR_DEFAULT, SystemConfig, Transaction,
    predeploys::{DEPOSITOR, L1_BLOCK},
};

/// Gas limit of the L1 attributes transaction since Regolith.
pub const L1_ATTRIBUTES_GAS: u64 = 1_000_000;

/// `setL1BlockValuesEcotone()`.
const ECOTONE_SELECTOR: [u8; 4] = [0x44, 0x0a, 0x5e, 0x20];
/// `setL1BlockValuesIsthmus()`.
const ISTHMUS_SELECTOR: [u8; 4] = [0x09, 0x89, 0x99, 0xbe];
/// `setL1BlockValuesJovian()`.
const JOVIAN_SELECTOR: [u8; 4] = [0x3d, 0xb6, 0xbe, 0x2b];
const ECOTONE_LEN: usize = 164;
const ISTHMUS_LEN: usize = 176;
const JOVIAN_LEN: usize = 178;

/// What the first transaction of every L2 block tells the `L1Block` predeploy.
///
/// | offset | width | field                   | since   |
/// |--------|-------|-------------------------|---------|
/// | 0      | 4     | selector                |         |
/// | 4      | 4     | base fee scalar         | Ecotone |
/// | 8      | 4     | blob base fee scalar    | Ecotone |
/// | 12     | 8     | sequence number         | Ecotone |
/// | 20     | 8     | L1 timestamp            | Ecotone |
/// | 28     | 8     | L1 number               | Ecotone |
/// | 36     | 32    | L1 base fee             | Ecotone |
/// | 68     | 32    | L1 blob base fee        | Ecotone |
/// | 100    | 32    | L1 hash                 | Ecotone |
/// | 132    | 32    | batcher address, padded | Ecotone |
/// | 164    | 4     | operator fee scalar     | Isthmus |
/// | 168    | 8     | operator fee constant   | Isthmus |
/// | 176    | 2     | DA footprint gas scalar | Jovian  |
///
/// All numbers are big-endian. Source: OP specification, "L1 block attributes".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct L1Attributes {
    /// Number of the L1 origin.
    pub number: u64,
    /// Timestamp of the L1 origin, seconds.
    pub timestamp: u64,
    /// Base fee of the L1 origin, wei per gas.
    pub base_fee: u64,
    /// Hash of the L1 origin.
    pub hash: B256,
    /// Blocks since the first one with this origin.
    pub sequence_number: u64,
    /// Who posts batches.
    pub batcher_address: Address,
    /// Weight of the L1 base fee, millionths.
    pub base_fee_scalar: u32,
    /// Weight of the L1 blob base fee, millionths.
    pub blob_base_fee_scalar: u32,
    /// Blob base fee of the L1 origin, wei per blob gas.
    pub blob_base_fee: u128,
    /// Operator fee per gas, millionths of a wei; zero before Isthmus.
    pub operator_fee_scalar: u32,
    /// Operator fee per transaction, wei; zero before Isthmus.
    pub operator_fee_constant: u64,
    /// Gas per byte of DA footprint; `None` before Jovian and in the block that activates it.
    pub da_footprint_gas_scalar: Option<u16>,
}

/// Why a transaction is no L1 attributes transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum L1AttributesError {
    /// The transaction is no deposit.
    #[error("transaction of type {tx_type} is no L1 attributes deposit")]
    NotDeposit {
        /// Its type.
        tx_type: u8,
    },
    /// The calldata is shorter than a selector.
    #[error("L1 attributes of {len} bytes have no selector")]
    NoSelector {
        /// Its length.
        len: usize,
    },
    /// The selector belongs to no form that is known.
    #[error("L1 attributes selector {selector:02x?} is unknown")]
    Selector {
        /// The selector.
        selector: [u8; 4],
    },
    /// The calldata is longer or shorter than its form.
    #[error("L1 attributes have {len} bytes, not {expected}")]
    Length {
        /// Its length.
        len: usize,
        /// The form's length.
        expected: usize,
    },
    /// A fee is larger than any L1 can have.
    #[error("L1 fee {fee} is out of range")]
    Fee {
        /// The fee, wei.
        fee: U256,
    },
    /// The batcher's word is no padded address.
    #[error("batcher hash {hash} is no address")]
    Batcher {
        /// The word.
        hash: B256,
    },
}

impl L1Attributes {
    /// The attributes of block `sequence_number` of the epoch of `origin`, as of whose L1 block
    /// `system_config` stands; `timestamp` is the L2 block's, which decides the form.
    pub fn new(
        config: &ChainConfig,
        system_config: &SystemConfig,
        origin: &L1Block,
        sequence_number: u64,
        timestamp: u64,
    ) -> Self {
        let (base_fee_scalar, blob_base_fee_scalar) = system_config.fee_scalars();
        let (operator_fee_scalar, operator_fee_constant) =
            if active_before(config, OpHardfork::Isthmus, timestamp) {
                system_config.operator_fee()
            } else {
                (0, 0)
            };
        Self {
            number: origin.number,
            timestamp: origin.timestamp,
            base_fee: origin.base_fee,
            hash: origin.hash,
            sequence_number,
            batcher_address: system_config.batcher_address,
            base_fee_scalar,
            blob_base_fee_scalar,
            blob_base_fee: origin.blob_base_fee,
            operator_fee_scalar,
            operator_fee_constant,
            da_footprint_gas_scalar: active_before(config, OpHardfork::Jovian, timestamp)
                .then_some(system_config.da_footprint_gas_scalar_or_default()),
        }
    }

    /// The calldata in the form of the L2 block at `l2_timestamp`. Chains older than Ecotone are not
    /// supported: for them this is Ecotone's form.
    pub fn encode(&self, config: &ChainConfig, l2_timestamp: u64) -> Bytes {
        let isthmus = active_before(config, OpHardfork::Isthmus, l2_timestamp);
        let jovian = active_before(config, OpHardfork::Jovian, l2_timestamp);
        let mut out = Vec::with_capacity(JOVIAN_LEN);
        out.extend_from_slice(match (isthmus, jovian) {
            (_, true) => &JOVIAN_SELECTOR,
            (true, false) => &ISTHMUS_SELECTOR,
            (false, false) => &ECOTONE_SELECTOR,
        });
        out.extend_from_slice(&self.base_fee_scalar.to_be_bytes());
        out.extend_from_slice(&self.blob_base_fee_scalar.to_be_bytes());
        out.extend_from_slice(&self.sequence_number.to_be_bytes());
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.number.to_be_bytes());
        out.extend_from_slice(&U256::from(self.base_fee).to_be_bytes::<32>());
        out.extend_from_slice(&U256::from(self.blob_base_fee).to_be_bytes::<32>());
        out.extend_from_slice(self.hash.as_slice());
        out.extend_from_slice(self.batcher_address.into_word().as_slice());
        if isthmus || jovian {
            out.extend_from_slice(&self.operator_fee_scalar.to_be_bytes());
            out.extend_from_slice(&self.operator_fee_constant.to_be_bytes());
        }
        if jovian {
            let scalar = self
                .da_footprint_gas_scalar
                .unwrap_or(DA_FOOTPRINT_GAS_SCALAR_DEFAULT);
            out.extend_from_slice(&scalar.to_be_bytes());
        }
        out.into()
    }

    /// Decodes calldata of any of the three forms.
    ///
    /// # Errors
    /// An unknown selector, a wrong length, or a field that is out of its range.
    pub fn decode(calldata: &[u8]) -> Result<Self, L1AttributesError> {
        let len = calldata.len();
        let (selector, fields) = calldata
            .split_first_chunk::<4>()
            .ok_or(L1AttributesError::NoSelector { len })?;
        let expected = match *selector {
            ECOTONE_SELECTOR => ECOTONE_LEN,
            ISTHMUS_SELECTOR => ISTHMUS_LEN,
            JOVIAN_SELECTOR => JOVIAN_LEN,
            selector => return Err(L1AttributesError::Selector { selector }),
        };
        let wrong_length = L1AttributesError::Length { len, expected };
        if len != expected {
            return Err(wrong_length);
        }
        let mut fields = Fields {
            rest: fields,
            wrong_length,
        };
        let base_fee_scalar = u32::from_be_bytes(fields.take()?);
        let blob_base_fee_scalar = u32::from_be_bytes(fields.take()?);
        let sequence_number = u64::from_be_bytes(fields.take()?);
        let timestamp = u64::from_be_bytes(fields.take()?);
        let number = u64::from_be_bytes(fields.take()?);
        let base_fee = U256::from_be_bytes::<32>(fields.take()?);
        let blob_base_fee = U256::from_be_bytes::<32>(fields.take()?);
        let hash = B256::from(fields.take::<32>()?);
        let batcher = B256::from(fields.take::<32>()?);
        let batcher_address = Address::from_word(batcher);
        if batcher_address.into_word() != batcher {
            return Err(L1AttributesError::Batcher { hash: batcher });
        }
        let (operator_fee_scalar, operator_fee_constant) = if expected >= ISTHMUS_LEN {
            (
                u32::from_be_bytes(fields.take()?),
                u64::from_be_bytes(fields.take()?),
            )
        } else {
            (0, 0)
        };
        let da_footprint_gas_scalar = if expected >= JOVIAN_LEN {
            Some(u16::from_be_bytes(fields.take()?))
        } else {
            None
        };
        Ok(Self {
            number,
            timestamp,
            base_fee: u64::try_from(base_fee)
                .map_err(|_| L1AttributesError::Fee { fee: base_fee })?,
            hash,
            sequence_number,
            batcher_address,
            base_fee_scalar,
            blob_base_fee_scalar,
            blob_base_fee: u128::try_from(blob_base_fee)
                .map_err(|_| L1AttributesError::Fee { fee: blob_base_fee })?,
            operator_fee_scalar,
            operator_fee_constant,
            da_footprint_gas_scalar,
        })
    }

    /// The transaction that begins the L2 block at `l2_timestamp`.
    pub fn deposit_tx(&self, config: &ChainConfig, l2_timestamp: u64) -> Transaction {
        TxDeposit {
            source_hash: L1InfoDepositSource::new(self.hash, self.sequence_number).source_hash(),
            from: DEPOSITOR,
            to: TxKind::Call(L1_BLOCK),
            mint: 0,
            value: U256::ZERO,
            gas_limit: L1_ATTRIBUTES_GAS,
            is_system_transaction: false,
            input: self.encode(config, l2_timestamp),
        }
        .into()
    }

    /// Reads the attributes out of a block's first transaction.
    ///
    /// # Errors
    /// If it is no deposit, or its calldata is malformed.
    pub fn from_deposit(tx: &Transaction) -> Result<Self, L1AttributesError> {
        match tx {
            Transaction::Deposit(deposit) => Self::decode(&deposit.input),
            other => Err(L1AttributesError::NotDeposit {
                tx_type: other.tx_type().into(),
            }),
        }
    }
}

struct Fields<'a> {
    rest: &'a [u8],
    wrong_length: L1AttributesError,
}

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N], L1AttributesError> {
        let (field, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(self.wrong_length)?;
        self.rest = rest;
        Ok(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_config::config;
    use alloy_primitives::{address, hex, keccak256};
    use openledger_primitives::ForkTimes;
    use proptest::prelude::*;

    fn attributes() -> L1Attributes {
        L1Attributes {
            number: 0x0102,
            timestamp: 0x6543_2100,
            base_fee: 7,
            hash: B256::repeat_byte(0xcc),
            sequence_number: 3,
            batcher_address: address!("00000000000000000000000000000000000000bb"),
            base_fee_scalar: 1368,
            blob_base_fee_scalar: 810_949,
            blob_base_fee: 1,
            operator_fee_scalar: 0x1111,
            operator_fee_constant: 0x2222,
            da_footprint_gas_scalar: None,
        }
    }

    #[test]
    fn selectors_are_the_functions() {
        for (selector, signature) in [
            (ECOTONE_SELECTOR, "setL1BlockValuesEcotone()"),
            (ISTHMUS_SELECTOR, "setL1BlockValuesIsthmus()"),
            (JOVIAN_SELECTOR, "setL1BlockValuesJovian()"),
        ] {
            assert_eq!(selector, keccak256(signature)[..4]);
        }
    }

    #[test]
    fn isthmus_layout() {
        let calldata = attributes().encode(&config(), 10_000);
        let expected = hex!(
            "098999be" "00000558" "000c5fc5" "0000000000000003" "0000000065432100" "0000000000000102"
            "0000000000000000000000000000000000000000000000000000000000000007"
            "0000000000000000000000000000000000000000000000000000000000000001"
            "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
            "00000000000000000000000000000000000000000000000000000000000000bb"
            "00001111" "0000000000002222"
        );
        assert_eq!(hex::encode(&calldata), hex::encode(expected));
        assert_eq!(L1Attributes::decode(&calldata), Ok(attributes()));
    }

    #[test]
    fn the_activation_block_keeps_the_older_form() {
        let mut config = config();
        config.forks = ForkTimes {
            jovian_time: Some(1_001),
            ..ForkTimes::ISTHMUS
        };
        config.block_time = 2;
        config.genesis.l2_time = 500;
        let len = |timestamp| attributes().encode(&config, timestamp).len();
        assert_eq!(
            (len(1_000), len(1_002), len(1_004)),
            (ISTHMUS_LEN, ISTHMUS_LEN, JOVIAN_LEN)
        );
        let jovian = L1Attributes::decode(&attributes().encode(&config, 1_004)).expect("valid");
        assert_eq!(jovian.da_footprint_gas_scalar, Some(400));
    }

    #[test]
    fn deposit_has_the_specified_fields() {
        let tx = attributes().deposit_tx(&config(), 10_000);
        let Transaction::Deposit(deposit) = &tx else {
            panic!("no deposit")
        };
        // keccak256(bytes32(1) ‖ keccak256(hash ‖ bytes32(3))), by hand.
        let mut id = [0; 64];
        id[..32].fill(0xcc);
        id[63] = 3;
        let mut domain = [0; 64];
        domain[31] = 1;
        domain[32..].copy_from_slice(keccak256(id).as_slice());
        assert_eq!(deposit.source_hash, keccak256(domain));
        assert_eq!(
            (deposit.from, deposit.to),
            (DEPOSITOR, TxKind::Call(L1_BLOCK))
        );
        assert_eq!(
            (deposit.gas_limit, deposit.is_system_transaction),
            (1_000_000, false)
        );
        assert_eq!(L1Attributes::from_deposit(&tx), Ok(attributes()));
    }

    #[test]
    fn malformed_calldata_is_refused() {
        let good = attributes().encode(&config(), 10_000).to_vec();
        assert_eq!(
            L1Attributes::decode(&good[..3]),
            Err(L1AttributesError::NoSelector { len: 3 })
        );
        assert!(matches!(
            L1Attributes::decode(&[&good[..], &[0]].concat()),
            Err(L1AttributesError::Length {
                len: 177,
                expected: 176
            })
        ));
        let mut batcher = good.clone();
        batcher[132] = 1;
        assert!(matches!(
            L1Attributes::decode(&batcher),
            Err(L1AttributesError::Batcher { .. })
        ));
        let mut fee = good.clone();
        fee[36] = 1;
        assert!(matches!(
            L1Attributes::decode(&fee),
            Err(L1AttributesError::Fee { .. })
        ));
        let mut selector = good;
        selector[0] = 0;
        assert!(matches!(
            L1Attributes::decode(&selector),
            Err(L1AttributesError::Selector { .. })
        ));
    }

    proptest! {
        #[test]
        fn arbitrary_calldata_decodes_or_fails(form in 0..3_usize, mut bytes in proptest::collection::vec(any::<u8>(), 178), pad in any::<bool>()) {
            let (selector, len) = [
                (ECOTONE_SELECTOR, ECOTONE_LEN),
                (ISTHMUS_SELECTOR, ISTHMUS_LEN),
                (JOVIAN_SELECTOR, JOVIAN_LEN),
            ][form];
            bytes.truncate(len);
            bytes[..4].copy_from_slice(&selector);
            if pad {
                bytes[36..60].fill(0);
                bytes[68..84].fill(0);
                bytes[132..144].fill(0);
            }
            prop_assert_eq!(L1Attributes::decode(&bytes).is_ok(), pad);
        }
    }
}
