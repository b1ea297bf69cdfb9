use crate::{AccountLoad, Host, HostError, HostFailure, SlotLoad};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use alloy_primitives::{Address, Bytes, Log, U256};

/// A [`Host`] over maps, for tests, benches and whoever recomputes a call off chain from fetched state.
///
/// It keeps a transaction's view as the EVM's journal does: originals, warm slots and accounts, logs.
/// [`snapshot`](Self::snapshot) and [`restore`](Self::restore) stand for a call's checkpoint and revert.
#[derive(Debug, Clone, Default)]
pub struct MemoryHost {
    state: State,
    /// Number of the block that runs.
    pub block_number: u64,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// The chain's id.
    pub chain_id: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    slots: BTreeMap<(Address, U256), U256>,
    originals: BTreeMap<(Address, U256), U256>,
    accounts: BTreeMap<Address, (u64, Bytes)>,
    warm_slots: BTreeSet<(Address, U256)>,
    warm_accounts: BTreeSet<Address>,
    logs: Vec<Log>,
}

/// What [`MemoryHost::restore`] goes back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot(State);

impl MemoryHost {
    /// An empty world.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state now.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot(self.state.clone())
    }

    /// Undoes everything since `snapshot`.
    pub fn restore(&mut self, snapshot: Snapshot) {
        self.state = snapshot.0;
    }

    /// Ends the transaction: what it wrote is the next one's original, everything is cold, and its logs
    /// are returned.
    pub fn end_transaction(&mut self) -> Vec<Log> {
        self.state.originals.clear();
        self.state.warm_slots.clear();
        self.state.warm_accounts.clear();
        core::mem::take(&mut self.state.logs)
    }

    /// A slot's value, without touching it.
    pub fn peek(&self, address: Address, slot: U256) -> U256 {
        let key = (address, slot);
        self.state.slots.get(&key).copied().unwrap_or_default()
    }

    /// Sets a slot as of before the transaction.
    pub fn insert_slot(&mut self, address: Address, slot: U256, value: U256) {
        self.state.slots.insert((address, slot), value);
    }

    /// Sets an account as of before the transaction.
    pub fn insert_account(&mut self, address: Address, nonce: u64, code: Bytes) {
        self.state.accounts.insert(address, (nonce, code));
    }

    /// Slots that aren't zero, in key order.
    pub fn slots(&self) -> impl Iterator<Item = (Address, U256, U256)> + '_ {
        let nonzero = |(_, value): &(_, &U256)| !value.is_zero();
        self.state
            .slots
            .iter()
            .filter(nonzero)
            .map(|((address, slot), value)| (*address, *slot, *value))
    }

    /// Logs of the transaction so far.
    pub fn logs(&self) -> &[Log] {
        &self.state.logs
    }
}

impl Host for MemoryHost {
    fn slot(
        &mut self,
        address: Address,
        slot: U256,
        skip_cold: bool,
    ) -> Result<SlotLoad, HostError> {
        let key = (address, slot);
        let is_cold = !self.state.warm_slots.contains(&key);
        if is_cold && skip_cold {
            return Err(HostError::ColdSkipped);
        }
        self.state.warm_slots.insert(key);
        let present = self.peek(address, slot);
        Ok(SlotLoad {
            original: self.state.originals.get(&key).copied().unwrap_or(present),
            present,
            is_cold,
        })
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostFailure> {
        let previous = self.peek(address, slot);
        let key = (address, slot);
        self.state.originals.entry(key).or_insert(previous);
        self.state.slots.insert(key, value);
        Ok(())
    }

    fn account(&mut self, address: Address, skip_cold: bool) -> Result<AccountLoad, HostError> {
        let is_cold = !self.state.warm_accounts.contains(&address);
        if is_cold && skip_cold {
            return Err(HostError::ColdSkipped);
        }
        self.state.warm_accounts.insert(address);
        let account = self.state.accounts.get(&address);
        Ok(AccountLoad {
            nonce: account.map_or(0, |(nonce, _)| *nonce),
            has_code: account.is_some_and(|(_, code)| !code.is_empty()),
            is_cold,
        })
    }

    fn code(&mut self, address: Address) -> Result<Bytes, HostFailure> {
        let account = self.state.accounts.get(&address);
        Ok(account.map(|(_, code)| code.clone()).unwrap_or_default())
    }

    fn create(&mut self, address: Address, nonce: u64, code: Bytes) -> Result<(), HostFailure> {
        self.state.accounts.insert(address, (nonce, code));
        Ok(())
    }

    fn log(&mut self, log: Log) {
        self.state.logs.push(log);
    }

    fn block_number(&self) -> u64 {
        self.block_number
    }

    fn timestamp(&self) -> u64 {
        self.timestamp
    }

    fn chain_id(&self) -> u64 {
        self.chain_id
    }
}
