//! The rules that need no state: what makes a transaction impossible whoever sends it.

use crate::{FeeContext, InsertError, MempoolConfig, RecoveredTransaction, TRANSACTION_SIZE_MAX};
use alloy_consensus::Transaction as _;
use alloy_primitives::U256;
use openledger_primitives::Transaction;

/// Gas before the first instruction: yellow paper, EIP-2028, 2930, 3860, 7623, 7702.
const TRANSACTION_GAS: u64 = 21_000;
const CREATE_GAS: u64 = 32_000;
const ZERO_BYTE_GAS: u64 = 4;
const NONZERO_BYTE_GAS: u64 = 16;
const INIT_CODE_WORD_GAS: u64 = 2;
const ACCESS_LIST_ADDRESS_GAS: u64 = 2_400;
const ACCESS_LIST_KEY_GAS: u64 = 1_900;
const AUTHORIZATION_GAS: u64 = 25_000;
const FLOOR_TOKEN_GAS: u64 = 10;
const NONZERO_BYTE_TOKENS: u64 = 4;

/// EIP-3860: twice the largest code.
const INIT_CODE_SIZE_MAX: usize = 2 * 24_576;

/// Checks everything that depends on nothing but the transaction, the rules and the configuration. One
/// that was in a block once need not meet the pool's own limits.
pub(crate) fn stateless(
    tx: &RecoveredTransaction,
    fees: &FeeContext<'_>,
    config: &MempoolConfig,
    is_reinjected: bool,
) -> Result<(), InsertError> {
    let authorizations = match &tx.transaction {
        Transaction::Legacy(_) | Transaction::Eip2930(_) | Transaction::Eip1559(_) => None,
        Transaction::Eip7702(signed) => Some(signed.tx().authorization_list.len()),
        _ => return Err(InsertError::UnsupportedType { ty: tx.ty() }),
    };
    if tx.size() > TRANSACTION_SIZE_MAX {
        return Err(InsertError::OversizedData {
            size: tx.size(),
            limit: TRANSACTION_SIZE_MAX,
        });
    }
    match tx.chain_id() {
        Some(have) if have != fees.chain_id => {
            return Err(InsertError::InvalidChainId {
                have,
                want: fees.chain_id,
            });
        }
        None if !config.allow_unprotected => return Err(InsertError::Unprotected),
        _ => {}
    }
    if tx.kind().is_create() && tx.input().len() > INIT_CODE_SIZE_MAX {
        return Err(InsertError::InitCodeSize {
            size: tx.input().len(),
            limit: INIT_CODE_SIZE_MAX,
        });
    }
    let gas_limit = tx.gas_limit();
    if gas_limit > fees.gas_limit_max {
        return Err(InsertError::ExceedsBlockGasLimit {
            gas_limit,
            limit: fees.gas_limit_max,
        });
    }
    if gas_limit > config.transaction_gas_max && !is_reinjected {
        return Err(InsertError::GasLimitTooHigh {
            gas_limit,
            limit: config.transaction_gas_max,
        });
    }
    let (fee_cap, tip) = (tx.max_fee_per_gas(), tx.max_priority_fee_per_gas());
    if tip > fee_cap {
        return Err(InsertError::TipAboveFeeCap { tip, fee_cap });
    }
    if tx.nonce() == u64::MAX {
        return Err(InsertError::NonceMax);
    }
    let gas = Gas::of(tx);
    if gas_limit < gas.intrinsic {
        return Err(InsertError::IntrinsicGas {
            gas_limit,
            needed: gas.intrinsic,
        });
    }
    if gas_limit < gas.floor {
        return Err(InsertError::FloorDataGas {
            gas_limit,
            needed: gas.floor,
        });
    }
    if tip < config.min_tip_wei && !is_reinjected {
        return Err(InsertError::TipUnderpriced {
            tip,
            minimum: config.min_tip_wei,
        });
    }
    if fee_cap < config.min_fee_wei && !is_reinjected {
        return Err(InsertError::FeeUnderpriced {
            fee_cap,
            minimum: config.min_fee_wei,
        });
    }
    if fee_cap < u128::from(fees.base_fee) && !config.queue_below_base_fee {
        return Err(InsertError::FeeCapBelowBaseFee {
            sender: tx.sender,
            fee_cap,
            base_fee: fees.base_fee,
        });
    }
    match authorizations {
        Some(0) => Err(InsertError::EmptyAuthorizationList),
        Some(count) if count > config.authorizations_max => {
            Err(InsertError::TooManyAuthorizations {
                count,
                limit: config.authorizations_max,
            })
        }
        _ => Ok(()),
    }
}

/// The most that a transaction can take from its sender, wei, and the part of it that L1 takes.
/// Saturates: no balance reaches the maximum.
pub(crate) fn cost(tx: &RecoveredTransaction, fees: &FeeContext<'_>) -> (U256, U256) {
    let l1_fee = (fees.l1_cost)(&tx.encoded, tx.gas_limit());
    // 64 by 128 bits: fits.
    let gas = U256::from(tx.gas_limit()).saturating_mul(U256::from(tx.max_fee_per_gas()));
    (
        gas.saturating_add(tx.value()).saturating_add(l1_fee),
        l1_fee,
    )
}

/// What a transaction's gas limit must reach.
struct Gas {
    /// Charged before the first instruction.
    intrinsic: u64,
    /// Charged at least, for its calldata (EIP-7623).
    floor: u64,
}

impl Gas {
    /// The lengths are bounded by [`TRANSACTION_SIZE_MAX`], so no sum comes near 64 bits.
    fn of(tx: &RecoveredTransaction) -> Self {
        let input = tx.input();
        let zeros = input.iter().filter(|byte| **byte == 0).count() as u64;
        let nonzeros = input.len() as u64 - zeros;
        let mut intrinsic = TRANSACTION_GAS + zeros * ZERO_BYTE_GAS + nonzeros * NONZERO_BYTE_GAS;
        if tx.kind().is_create() {
            intrinsic += CREATE_GAS + (input.len() as u64).div_ceil(32) * INIT_CODE_WORD_GAS;
        }
        if let Some(list) = tx.transaction.access_list() {
            let keys: u64 = list
                .0
                .iter()
                .map(|item| item.storage_keys.len() as u64)
                .sum();
            intrinsic += list.0.len() as u64 * ACCESS_LIST_ADDRESS_GAS + keys * ACCESS_LIST_KEY_GAS;
        }
        if let Some(list) = tx.transaction.authorization_list() {
            intrinsic += list.len() as u64 * AUTHORIZATION_GAS;
        }
        let tokens = zeros + nonzeros * NONZERO_BYTE_TOKENS;
        Self {
            intrinsic,
            floor: TRANSACTION_GAS + tokens * FLOOR_TOKEN_GAS,
        }
    }
}
