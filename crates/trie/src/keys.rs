use alloy_primitives::{Address, B256, U256, keccak256, map::HashMap};
use core::hash::Hash;
use core::mem;

/// keccak256 of addresses and slots, remembered: two generations of at most `limit` keys each, of
/// which the older is forgotten when the newer is full.
#[derive(Debug)]
struct HashedKeys<K> {
    limit: usize,
    young: HashMap<K, B256>,
    old: HashMap<K, B256>,
}

impl<K: Eq + Hash + Copy> HashedKeys<K> {
    fn new(limit: usize) -> Self {
        Self {
            limit: limit.max(1),
            young: HashMap::default(),
            old: HashMap::default(),
        }
    }

    fn get(&mut self, key: K) -> Option<B256> {
        if let Some(hash) = self.young.get(&key) {
            return Some(*hash);
        }
        let hash = *self.old.get(&key)?;
        self.insert(key, hash);
        Some(hash)
    }

    fn insert(&mut self, key: K, hash: B256) {
        if self.young.len() >= self.limit {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(key, hash);
    }
}

/// The hashed keys of recently changed accounts and slots.
#[derive(Debug)]
pub(crate) struct KeyCache {
    addresses: HashedKeys<Address>,
    slots: HashedKeys<U256>,
}

impl KeyCache {
    /// A cache of about `limit` to twice `limit` keys of each kind.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            addresses: HashedKeys::new(limit),
            slots: HashedKeys::new(limit),
        }
    }

    pub(crate) fn address(&mut self, address: Address) -> B256 {
        self.addresses.get(address).unwrap_or_else(|| {
            let hash = keccak256(address);
            self.addresses.insert(address, hash);
            hash
        })
    }

    pub(crate) fn slot(&mut self, slot: U256) -> B256 {
        self.slots.get(slot).unwrap_or_else(|| {
            let hash = keccak256(slot.to_be_bytes::<32>());
            self.slots.insert(slot, hash);
            hash
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_right_and_the_cache_stays_bounded() {
        let mut cache = KeyCache::new(8);
        for round in 0..3_u64 {
            for index in 0..100 {
                let slot = U256::from(index * (round + 1));
                assert_eq!(cache.slot(slot), keccak256(slot.to_be_bytes::<32>()));
                assert_eq!(cache.slot(slot), keccak256(slot.to_be_bytes::<32>()));
                let address = Address::with_last_byte(index as u8);
                assert_eq!(cache.address(address), keccak256(address));
            }
            assert!(cache.slots.young.len() <= 8 && cache.slots.old.len() <= 8);
        }
    }
}
