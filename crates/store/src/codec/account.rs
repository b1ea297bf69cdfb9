//! An account: flags (bit 0 code, bit 1 storage, bits 2–7 bytes of balance), nonce (varint), balance,
//! code hash if any, storage root if any.

use super::{Reader, put_varint, trimmed, untrimmed};
use openledger_primitives::{Account, EMPTY_CODE_HASH, EMPTY_ROOT_HASH};

const HAS_CODE: u8 = 1;
const HAS_STORAGE: u8 = 2;

pub(crate) fn encode(account: &Account) -> Vec<u8> {
    let balance = trimmed(account.balance);
    let has_code = account.code_hash != EMPTY_CODE_HASH;
    let has_storage = account.storage_root != EMPTY_ROOT_HASH;
    let mut out = Vec::with_capacity(1 + 10 + balance.len() + 64);
    // A balance has at most 32 bytes.
    let flags = (balance.len() as u8) << 2;
    let code = if has_code { HAS_CODE } else { 0 };
    let storage = if has_storage { HAS_STORAGE } else { 0 };
    out.push(flags | code | storage);
    put_varint(account.nonce, &mut out);
    out.extend_from_slice(&balance);
    if has_code {
        out.extend_from_slice(account.code_hash.as_slice());
    }
    if has_storage {
        out.extend_from_slice(account.storage_root.as_slice());
    }
    out
}

pub(crate) fn decode(record: &[u8]) -> Option<Account> {
    let mut reader = Reader::new(record);
    let flags = reader.byte()?;
    let account = Account {
        nonce: reader.varint()?,
        balance: untrimmed(reader.bytes(usize::from(flags >> 2))?)?,
        code_hash: if flags & HAS_CODE != 0 {
            reader.hash()?
        } else {
            EMPTY_CODE_HASH
        },
        storage_root: if flags & HAS_STORAGE != 0 {
            reader.hash()?
        } else {
            EMPTY_ROOT_HASH
        },
    };
    reader.is_empty().then_some(account)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{B256, U256};

    #[test]
    fn accounts_round_trip() {
        let full = Account {
            nonce: u64::MAX,
            balance: U256::MAX,
            code_hash: B256::repeat_byte(1),
            storage_root: B256::repeat_byte(2),
        };
        for account in [
            Account::default(),
            full,
            Account {
                nonce: 7,
                balance: U256::from(1_000_000),
                ..Account::default()
            },
            Account {
                code_hash: EMPTY_CODE_HASH,
                ..full
            },
        ] {
            let record = encode(&account);
            assert!(!record.is_empty());
            assert_eq!(decode(&record), Some(account));
            assert_eq!(decode(&record[..record.len() - 1]), None);
        }
        assert_eq!(encode(&Account::default()).len(), 2);
    }
}
