use crate::{
    CommonErrors, Stop, gas,
    host::{AccountLoad, Host, HostError, SlotLoad},
};
use alloy_primitives::{Address, Log, LogData, U256};
use alloy_sol_types::SolEvent;

/// A call in progress: who calls, and the metered way to state, logs and the block.
///
/// Every access charges its price first and does nothing if the gas doesn't suffice.
pub struct Context<'a> {
    host: &'a mut dyn Host,
    address: Address,
    caller: Address,
    is_static: bool,
    gas_remaining: u64,
}

impl core::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Context")
            .field("address", &self.address)
            .field("caller", &self.caller)
            .field("is_static", &self.is_static)
            .field("gas_remaining", &self.gas_remaining)
            .finish_non_exhaustive()
    }
}

impl<'a> Context<'a> {
    pub(crate) fn new(
        host: &'a mut dyn Host,
        address: Address,
        caller: Address,
        is_static: bool,
        gas: u64,
    ) -> Self {
        Self {
            host,
            address,
            caller,
            is_static,
            gas_remaining: gas,
        }
    }

    pub(crate) fn host(&mut self) -> &mut dyn Host {
        self.host
    }

    /// The precompile's address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// Whoever calls it (`msg.sender`).
    pub const fn caller(&self) -> Address {
        self.caller
    }

    /// Gas that is left.
    pub const fn gas_remaining(&self) -> u64 {
        self.gas_remaining
    }

    /// Number of the block that runs.
    pub fn block_number(&self) -> u64 {
        self.host.block_number()
    }

    /// Its timestamp, seconds.
    pub fn timestamp(&self) -> u64 {
        self.host.timestamp()
    }

    /// The chain's id.
    pub fn chain_id(&self) -> u64 {
        self.host.chain_id()
    }

    /// Takes `gas`, before the work that it pays for.
    ///
    /// # Errors
    /// [`Stop::OutOfGas`].
    pub fn charge(&mut self, gas: u64) -> Result<(), Stop> {
        self.gas_remaining = self.gas_remaining.checked_sub(gas).ok_or(Stop::OutOfGas)?;
        Ok(())
    }

    /// The first check of every function that writes state.
    ///
    /// # Errors
    /// [`CommonErrors::StaticWrite`].
    pub fn require_writable(&self) -> Result<(), Stop> {
        if self.is_static {
            return Err(Stop::revert(CommonErrors::StaticWrite {}));
        }
        Ok(())
    }

    /// Refuses unless `allowed`.
    ///
    /// # Errors
    /// [`CommonErrors::Unauthorized`].
    pub fn require_caller(&self, allowed: Address) -> Result<(), Stop> {
        if self.caller != allowed {
            return Err(Stop::revert(CommonErrors::Unauthorized {
                caller: self.caller,
            }));
        }
        Ok(())
    }

    /// Reads a slot of the precompile's own storage, at SLOAD's price.
    ///
    /// # Errors
    /// [`Stop::OutOfGas`], [`Stop::Fatal`].
    pub fn sload(&mut self, slot: U256) -> Result<U256, Stop> {
        self.sload_at(self.address, slot)
    }

    /// Reads a slot of another account: the account's access and the slot's are charged, as a contract
    /// would pay that calls there to read it.
    ///
    /// # Errors
    /// [`Stop::OutOfGas`], [`Stop::Fatal`].
    pub fn sload_foreign(&mut self, address: Address, slot: U256) -> Result<U256, Stop> {
        let account = self.load_account(address)?;
        self.charge(gas::account_access(account.is_cold))?;
        self.sload_at(address, slot)
    }

    /// Reads a slot of another precompile, at SLOAD's price alone: its account is warm from the beginning
    /// of every transaction and costs nothing beside the slot.
    pub(crate) fn sload_at(&mut self, address: Address, slot: U256) -> Result<U256, Stop> {
        let load = self.load_slot(address, slot)?;
        self.charge(gas::slot_access(load.is_cold))?;
        Ok(load.present)
    }

    /// Writes a slot of the precompile's own storage, at SSTORE's net price without sentry and refund.
    ///
    /// # Errors
    /// [`Stop::OutOfGas`], [`Stop::Fatal`].
    pub fn sstore(&mut self, slot: U256, value: U256) -> Result<(), Stop> {
        let load = self.load_slot(self.address, slot)?;
        self.charge(gas::slot_write(&load, value))?;
        self.host.set_slot(self.address, slot, value)?;
        Ok(())
    }

    /// Emits an event from the precompile's address, at LOG's price.
    ///
    /// # Errors
    /// [`Stop::OutOfGas`].
    pub fn emit<E: SolEvent>(&mut self, event: &E) -> Result<(), Stop> {
        let data: LogData = event.encode_log_data();
        self.charge(gas::log(data.topics().len() as u64, data.data.len() as u64))?;
        self.host.log(Log {
            address: self.address,
            data,
        });
        Ok(())
    }

    /// Loads a slot unless the gas can't pay for a cold access that it would be.
    fn load_slot(&mut self, address: Address, slot: U256) -> Result<SlotLoad, Stop> {
        let skip_cold = self.gas_remaining < gas::SLOT_COLD;
        self.host.slot(address, slot, skip_cold).map_err(stop)
    }

    /// Loads an account's header unless the gas can't pay for a cold access that it would be; the caller
    /// charges the access.
    pub(crate) fn load_account(&mut self, address: Address) -> Result<AccountLoad, Stop> {
        let skip_cold = self.gas_remaining < gas::ACCOUNT_COLD;
        self.host.account(address, skip_cold).map_err(stop)
    }

    /// Loads an account's header, whose access is paid for already.
    pub(crate) fn load_account_paid(&mut self, address: Address) -> Result<AccountLoad, Stop> {
        self.host.account(address, false).map_err(stop)
    }
}

fn stop(error: HostError) -> Stop {
    match error {
        HostError::ColdSkipped => Stop::OutOfGas,
        HostError::Failure(failure) => Stop::Fatal(failure),
    }
}
