use alloy_primitives::{B256, U256};
use alloy_rlp::{Decodable, Encodable, Header};
use openledger_primitives::Account;

/// Most bytes of an account's RLP: list header 2, nonce 9, balance 33, two hashes 66.
pub const ACCOUNT_VALUE_BYTES_MAX: usize = 110;
/// Most bytes of a storage word's RLP.
pub const STORAGE_VALUE_BYTES_MAX: usize = 33;
/// Bytes that storage root and code hash take at the end of an account's RLP.
const ACCOUNT_HASHES_BYTES: usize = 66;

/// A leaf's value on the stack.
#[derive(Debug, Clone, Copy)]
pub struct LeafValue {
    len: u8,
    bytes: [u8; ACCOUNT_VALUE_BYTES_MAX],
}

impl LeafValue {
    fn encode(encode: impl FnOnce(&mut &mut [u8])) -> Self {
        let mut bytes = [0; ACCOUNT_VALUE_BYTES_MAX];
        let mut rest: &mut [u8] = &mut bytes;
        encode(&mut rest);
        // At most 110.
        let len = (ACCOUNT_VALUE_BYTES_MAX - rest.len()) as u8;
        Self { len, bytes }
    }

    /// The RLP.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

/// The value of an account's leaf: RLP of nonce, balance, storage root, code hash.
pub fn account_leaf_value(account: &Account) -> LeafValue {
    let payload_length = account.nonce.length() + account.balance.length() + ACCOUNT_HASHES_BYTES;
    LeafValue::encode(|out| {
        Header {
            list: true,
            payload_length,
        }
        .encode(out);
        account.nonce.encode(out);
        account.balance.encode(out);
        account.storage_root.encode(out);
        account.code_hash.encode(out);
    })
}

/// The value of a storage slot's leaf: RLP of the word. A zero word has no leaf.
pub fn storage_leaf_value(value: U256) -> LeafValue {
    LeafValue::encode(|out| value.encode(out))
}

/// The account that a leaf's value holds; `None` if it is not one.
pub fn decode_account_leaf_value(mut value: &[u8]) -> Option<Account> {
    let header = Header::decode(&mut value).ok()?;
    if !header.list || header.payload_length != value.len() {
        return None;
    }
    let account = Account {
        nonce: u64::decode(&mut value).ok()?,
        balance: U256::decode(&mut value).ok()?,
        storage_root: B256::decode(&mut value).ok()?,
        code_hash: B256::decode(&mut value).ok()?,
    };
    value.is_empty().then_some(account)
}

/// The storage root in an account leaf's value, without decoding the rest; `None` if the value ends
/// otherwise than an account.
pub(crate) fn leaf_storage_root(value: &[u8]) -> Option<B256> {
    let hashes = value.get(value.len().checked_sub(ACCOUNT_HASHES_BYTES)?..)?;
    let (root, code) = hashes.split_at(33);
    (root[0] == 0xa0 && code[0] == 0xa0).then(|| B256::from_slice(&root[1..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_account_fits() {
        let account = Account {
            nonce: u64::MAX,
            balance: U256::MAX,
            code_hash: B256::repeat_byte(1),
            storage_root: B256::repeat_byte(2),
        };
        let value = account_leaf_value(&account);
        assert_eq!(value.as_slice().len(), ACCOUNT_VALUE_BYTES_MAX);
        assert_eq!(decode_account_leaf_value(value.as_slice()), Some(account));
        assert_eq!(
            leaf_storage_root(value.as_slice()),
            Some(account.storage_root)
        );
        assert_eq!(leaf_storage_root(&value.as_slice()[..80]), None);
        assert_eq!(decode_account_leaf_value(&value.as_slice()[..80]), None);
        assert_eq!(
            storage_leaf_value(U256::MAX).as_slice().len(),
            STORAGE_VALUE_BYTES_MAX
        );
    }
}
