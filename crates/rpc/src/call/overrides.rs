use crate::{
    cache::CallState,
    error::Failure,
    params::{FromJson, Object, ParamError, Path, Slot, text},
    quantity,
};
use alloy_primitives::{Address, B256, Bytes, U256};
use revm::{
    bytecode::Bytecode, context::BlockEnv, database::CacheDB, database_interface::DatabaseRef as _,
};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Accounts whose state a call sees otherwise than it is.
#[derive(Debug, Clone, Default)]
pub(crate) struct StateOverrides(Vec<(Address, AccountOverride)>);

#[derive(Debug, Clone, Default)]
struct AccountOverride {
    balance: Option<U256>,
    nonce: Option<u64>,
    code: Option<Bytecode>,
    storage: Option<StorageOverride>,
    move_precompile_to: Option<Address>,
}

#[derive(Debug, Clone)]
enum StorageOverride {
    /// These slots and no others.
    All(Vec<(U256, U256)>),
    /// These slots, the others as they are.
    Some(Vec<(U256, U256)>),
}

struct Slots(Vec<(U256, U256)>);

impl FromJson<'_> for Slots {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        object
            .iter()
            .map(|(key, raw)| {
                let path = path.field(key);
                let slot = quantity::parse_slot(key).map_err(|error| path.error(error))?;
                let value = Slot::from_json(raw, &path)?.value;
                Ok((slot, value))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

fn address(key: &str, path: &Path<'_>) -> Result<Address, Failure> {
    key.parse().map_err(|_| {
        path.error(ParamError::Unknown {
            expected: "addresses in hex as fields",
        })
    })
}

impl FromJson<'_> for StateOverrides {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        let mut overrides = Vec::new();
        for (key, raw) in object.iter() {
            let path = path.field(key);
            let account = Object::from_json(raw, &path)?;
            let code: Option<Bytes> = account.optional("code", &path)?;
            let code = code
                .map(|code| {
                    Bytecode::new_raw_checked(code).map_err(|_| {
                        path.field("code").error(ParamError::Unknown {
                            expected: "valid code",
                        })
                    })
                })
                .transpose()?;
            let all = account.optional::<Slots>("state", &path)?;
            let some = account.optional::<Slots>("stateDiff", &path)?;
            let storage = match (all, some) {
                (Some(_), Some(_)) => {
                    return Err(path.field("state").error(ParamError::Conflict(
                        "an account has both state and stateDiff",
                    )));
                }
                (Some(all), None) => Some(StorageOverride::All(all.0)),
                (None, Some(some)) => Some(StorageOverride::Some(some.0)),
                (None, None) => None,
            };
            let account = AccountOverride {
                balance: account.optional("balance", &path)?,
                nonce: account.optional("nonce", &path)?,
                code,
                storage,
                move_precompile_to: account.optional("movePrecompileToAddress", &path)?,
            };
            overrides.push((address(key, &path)?, account));
        }
        Ok(Self(overrides))
    }
}

impl StateOverrides {
    /// Whether nothing is overridden.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Precompiles that are moved: from where to where.
    pub(crate) fn moves(&self) -> Vec<(Address, Address)> {
        let moved = |(from, account): &(Address, AccountOverride)| {
            account.move_precompile_to.map(|to| (*from, to))
        };
        self.0.iter().filter_map(moved).collect()
    }

    /// Puts the overrides into the state that a call sees.
    pub(crate) fn apply(&self, db: &mut CacheDB<CallState>) -> Result<(), Failure> {
        for (address, account) in &self.0 {
            let mut info = db.basic_ref(*address)?.unwrap_or_default();
            if let Some(balance) = account.balance {
                info.balance = balance;
            }
            if let Some(nonce) = account.nonce {
                info.nonce = nonce;
            }
            if let Some(code) = &account.code {
                info.code_hash = code.hash_slow();
                info.code = Some(code.clone());
            }
            db.insert_account_info(*address, info);
            match &account.storage {
                Some(StorageOverride::All(slots)) => {
                    let slots = slots.iter().copied().collect();
                    db.replace_account_storage(*address, slots)?;
                }
                Some(StorageOverride::Some(slots)) => {
                    for (slot, value) in slots {
                        db.insert_account_storage(*address, *slot, *value)?;
                    }
                }
                None => {}
            }
        }
        Ok(())
    }
}

/// A block that differs from the one that is named.
#[derive(Debug, Clone, Default)]
pub(crate) struct BlockOverridesParam {
    pub(crate) number: Option<u64>,
    pub(crate) time: Option<u64>,
    pub(crate) gas_limit: Option<u64>,
    pub(crate) fee_recipient: Option<Address>,
    pub(crate) prev_randao: Option<B256>,
    pub(crate) base_fee: Option<u64>,
    block_hashes: BTreeMap<u64, B256>,
}

impl FromJson<'_> for BlockOverridesParam {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        // The first is the specification's name, the second go-ethereum's older one.
        let recipient = match object.optional("feeRecipient", path)? {
            Some(recipient) => Some(recipient),
            None => object.optional("coinbase", path)?,
        };
        let randao = match object.raw("prevRandao") {
            Some(raw) => Some(word(raw, &path.field("prevRandao"))?),
            None => object
                .raw("random")
                .map(|raw| word(raw, &path.field("random")))
                .transpose()?,
        };
        let base_fee: Option<u128> = match object.optional("baseFeePerGas", path)? {
            Some(fee) => Some(fee),
            None => object.optional("baseFee", path)?,
        };
        let mut block_hashes = BTreeMap::new();
        if let Some(hashes) = object.optional::<Object<'_>>("blockHash", path)? {
            let path = path.field("blockHash");
            for (key, raw) in hashes.iter() {
                let path = path.field(key);
                let number = match key.parse() {
                    Ok(number) => number,
                    Err(_) => quantity::parse_u64(key).map_err(|error| path.error(error))?,
                };
                block_hashes.insert(number, B256::from_json(raw, &path)?);
            }
        }
        Ok(Self {
            number: object.optional("number", path)?,
            time: object.optional("time", path)?,
            gas_limit: object.optional("gasLimit", path)?,
            fee_recipient: recipient,
            prev_randao: randao,
            base_fee: base_fee.map(|fee| u64::try_from(fee).unwrap_or(u64::MAX)),
            block_hashes,
        })
    }
}

/// 32 bytes, as hex data or as a quantity: both are in use.
fn word(raw: &RawValue, path: &Path<'_>) -> Result<B256, Failure> {
    let text = text(raw, path, "32 bytes in hex")?;
    quantity::parse_slot(&text)
        .map(B256::from)
        .map_err(|error| path.error(error))
}

impl BlockOverridesParam {
    /// Puts the overrides into the environment that a call sees.
    pub(crate) fn apply(&self, block: &mut BlockEnv) {
        if let Some(number) = self.number {
            block.number = U256::from(number);
        }
        if let Some(time) = self.time {
            block.timestamp = U256::from(time);
        }
        if let Some(gas_limit) = self.gas_limit {
            block.gas_limit = gas_limit;
        }
        if let Some(recipient) = self.fee_recipient {
            block.beneficiary = recipient;
        }
        if let Some(randao) = self.prev_randao {
            block.prevrandao = Some(randao);
        }
        if let Some(base_fee) = self.base_fee {
            block.basefee = base_fee;
        }
    }

    /// Hashes that `BLOCKHASH` answers instead of the chain's.
    pub(crate) fn apply_hashes(&self, db: &mut CacheDB<CallState>) {
        for (number, hash) in &self.block_hashes {
            db.cache.block_hashes.insert(U256::from(*number), *hash);
        }
    }

    /// Whether `BLOCKHASH` answers otherwise.
    pub(crate) fn has_hashes(&self) -> bool {
        !self.block_hashes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<'a, T: FromJson<'a>>(json: &'a str) -> Result<T, Failure> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        T::from_json(raw, &Path::new("overrides"))
    }

    #[test]
    fn state_overrides_are_read() {
        let address = Address::repeat_byte(1);
        let json = format!(
            r#"{{"{address}":{{"balance":"0x5","code":"0x60","state":{{"0x1":"0x02"}},"movePrecompileToAddress":"{address}"}}}}"#
        );
        let overrides: StateOverrides = parse(&json).unwrap();
        assert_eq!(overrides.moves(), [(address, address)]);
        let [(_, account)] = &overrides.0[..] else {
            panic!()
        };
        assert_eq!(account.balance, Some(U256::from(5)));
        assert!(matches!(&account.storage, Some(StorageOverride::All(slots)) if slots.len() == 1));
    }

    #[test]
    fn bad_overrides_are_refused_by_name() {
        let address = Address::repeat_byte(1);
        let both = format!(r#"{{"{address}":{{"state":{{}},"stateDiff":{{}}}}}}"#);
        assert!(
            parse::<StateOverrides>(&both)
                .unwrap_err()
                .to_string()
                .contains("state")
        );
        let lots = format!(r#"{{"{address}":{{"balance":"lots"}}}}"#);
        assert!(
            parse::<StateOverrides>(&lots)
                .unwrap_err()
                .to_string()
                .contains("balance")
        );
        assert_eq!(
            parse::<StateOverrides>(r#"{"0x12":{}}"#)
                .unwrap_err()
                .code(),
            -32602
        );
        let time = parse::<BlockOverridesParam>(r#"{"time":"soon"}"#).unwrap_err();
        assert!(time.to_string().contains("overrides.time"));
    }

    #[test]
    fn block_overrides_are_applied() {
        let overrides: BlockOverridesParam = parse(
            r#"{"number":"0x7","time":"0x8","baseFeePerGas":"0x9","prevRandao":"0x1","blockHash":{"5":"0x0000000000000000000000000000000000000000000000000000000000000006"}}"#,
        )
        .unwrap();
        let mut block = BlockEnv::default();
        overrides.apply(&mut block);
        assert_eq!(
            (block.number, block.timestamp),
            (U256::from(7), U256::from(8))
        );
        assert_eq!(
            (block.basefee, block.prevrandao),
            (9, Some(B256::with_last_byte(1)))
        );
        assert!(overrides.has_hashes());
    }
}
