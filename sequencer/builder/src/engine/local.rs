//! Local commands: changes of state and time outside any transaction, on unsettled chains only.
//!
//! A change of state is sealed at once in a block of its own, so that `latest` shows it.

use super::Engine;
use crate::{BuilderError, Mode};
use alloy_primitives::{Address, U256, keccak256};
use openledger_chain::{ChainError, LocalCommand, LocalError, LocalReply};
use openledger_mempool::AccountState;
use revm::{
    Database as _,
    bytecode::Bytecode,
    state::{Account, AccountInfo, EvmState, EvmStorageSlot},
};
use std::{collections::VecDeque, time::Duration};

/// Blocks that one command may mine.
const MINE_MAX: u64 = 100_000;
/// Latest timestamp and largest jump that a command may set, seconds: some 35,000 years.
const TIMESTAMP_MAX: u64 = 1 << 40;
/// Snapshots that are kept.
const SNAPSHOTS_MAX: usize = 1_024;

/// Blocks to which a local chain can be taken back, oldest first.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// Id and block number.
    taken: VecDeque<(u64, u64)>,
    last_id: u64,
}

impl Snapshots {
    /// Remembers a block and answers the snapshot's id, from 1 on. Beyond the most that are kept the
    /// oldest goes.
    fn take(&mut self, block: u64) -> u64 {
        if self.taken.len() >= SNAPSHOTS_MAX {
            self.taken.pop_front();
        }
        self.last_id = self.last_id.saturating_add(1);
        self.taken.push_back((self.last_id, block));
        self.last_id
    }

    fn block(&self, id: u64) -> Option<u64> {
        let (_, block) = self.taken.iter().find(|(known, _)| *known == id)?;
        Some(*block)
    }

    /// Forgets this snapshot and those after it.
    fn forget_from(&mut self, id: u64) {
        self.taken.retain(|(known, _)| *known < id);
    }
}

impl Engine {
    /// Runs a local command.
    pub(super) fn local(
        &mut self,
        command: LocalCommand,
    ) -> Result<Result<LocalReply, LocalError>, BuilderError> {
        if self.config.settled {
            return Ok(Err(LocalError::Settled));
        }
        if self.draft.is_none() {
            self.open()?;
        }
        let invalid = |reason: &str| {
            Ok(Err(LocalError::Invalid {
                reason: reason.into(),
            }))
        };
        let head = self.chain.head();
        match command {
            LocalCommand::Mine { blocks, interval } => {
                if blocks == 0 || blocks > MINE_MAX {
                    return invalid("blocks must be between 1 and 100,000");
                }
                if interval > TIMESTAMP_MAX / MINE_MAX {
                    return invalid("the interval is too long");
                }
                for index in 0..blocks {
                    if self.is_stopping() {
                        return Ok(Err(LocalError::Stopped));
                    }
                    if index > 0 && interval > 0 {
                        let parent = self.chain.head().timestamp;
                        let timestamp = parent.saturating_add(interval);
                        self.clock.set_next_timestamp(Some(timestamp));
                    }
                    self.refresh()?;
                    self.seal()?;
                    self.open()?;
                    self.execute_pool()?;
                }
            }
            LocalCommand::SetBalance(address, balance) => {
                self.change(address, |info, _| info.balance = balance)?;
            }
            LocalCommand::SetNonce(address, nonce) => {
                self.change(address, |info, _| info.nonce = nonce)?;
            }
            LocalCommand::SetCode(address, code) => {
                let Ok(bytecode) = Bytecode::new_raw_checked(code.clone()) else {
                    return invalid("code that begins with 0xef01 must be an EIP-7702 delegation");
                };
                self.change(address, |info, _| {
                    info.code_hash = keccak256(&code);
                    info.code = Some(bytecode);
                })?;
            }
            LocalCommand::SetStorageAt(address, slot, value) => {
                let account = self.account_state(address)?;
                if account == AccountState::default() {
                    return invalid("the account does not exist: give it code or a balance first");
                }
                self.change(address, |_, storage| *storage = Some((slot, value)))?;
            }
            LocalCommand::IncreaseTime(seconds) => {
                let offset = self.clock.offset().saturating_add(seconds);
                if offset > TIMESTAMP_MAX {
                    return invalid("the clock can't be moved that far");
                }
                self.clock.set_offset(offset);
                self.refresh()?;
                return Ok(Ok(LocalReply::Number(offset)));
            }
            LocalCommand::SetNextBlockTimestamp(timestamp) => {
                if timestamp > TIMESTAMP_MAX {
                    return invalid("the timestamp is too late");
                }
                if timestamp <= head.timestamp {
                    return invalid("the timestamp must be after the last block's");
                }
                self.clock.jump(timestamp);
                self.refresh()?;
            }
            LocalCommand::SetAutomine(on) => {
                self.seal_pending()?;
                let mode = if on { Mode::Instant } else { Mode::Manual };
                self.clock.set_mode(mode, None);
            }
            LocalCommand::SetIntervalMining(seconds) => {
                if seconds == 0 {
                    self.clock.set_mode(Mode::Manual, None);
                } else {
                    let interval = Duration::from_secs(seconds);
                    self.clock.set_mode(Mode::Interval, Some(interval));
                }
            }
            LocalCommand::Snapshot => {
                self.seal_pending()?;
                let id = self.snapshots.take(self.chain.head().number);
                return Ok(Ok(LocalReply::Number(id)));
            }
            LocalCommand::Revert(id) => {
                let Some(number) = self.snapshots.block(id) else {
                    return Ok(Ok(LocalReply::Bool(false)));
                };
                if let Err(error) = self.rewind(number)? {
                    return Ok(Err(error));
                }
                self.snapshots.forget_from(id);
                return Ok(Ok(LocalReply::Bool(true)));
            }
            LocalCommand::Reset => {
                if let Err(error) = self.rewind(0)? {
                    return Ok(Err(error));
                }
                self.snapshots.forget_from(0);
                self.clock.set_offset(0);
            }
        }
        Ok(Ok(LocalReply::Done))
    }

    fn seal_pending(&mut self) -> Result<(), BuilderError> {
        if self.has_pooled() {
            self.seal()?;
            self.open()?;
        }
        Ok(())
    }

    /// Returns to block `number`; a store that keeps no history that far refuses.
    fn rewind(&mut self, number: u64) -> Result<Result<(), LocalError>, BuilderError> {
        self.clock.set_next_timestamp(None);
        match self.unwind(number, false) {
            Ok(_) => self.mempool.clear(),
            Err(BuilderError::Chain(ChainError::Store(error))) => {
                self.open()?;
                return Ok(Err(LocalError::Invalid {
                    reason: error.to_string(),
                }));
            }
            Err(error) => return Err(error),
        }
        self.open()?;
        Ok(Ok(()))
    }

    /// Changes an account and seals that.
    fn change(
        &mut self,
        address: Address,
        edit: impl FnOnce(&mut AccountInfo, &mut Option<(U256, U256)>),
    ) -> Result<(), BuilderError> {
        self.seal_pending()?;
        self.refresh()?;
        let Some(draft) = &mut self.draft else {
            return Ok(());
        };
        let state = draft.state_mut();
        let mut info = state
            .basic(address)
            .map_err(read_failed)?
            .unwrap_or_default();
        let mut slot = None;
        edit(&mut info, &mut slot);
        let mut account = Account::from(info);
        account.mark_touch();
        if let Some((key, value)) = slot {
            let before = state.storage(address, key).map_err(read_failed)?;
            account.storage.insert(
                key,
                EvmStorageSlot::new_changed(before, value, Default::default()),
            );
        }
        draft.change(EvmState::from_iter([(address, account)]));
        self.mempool
            .account_changed(address, self.account_state(address)?);
        self.seal()?;
        self.open()?;
        self.execute_pool()
    }
}

fn read_failed<E: std::error::Error + Send + Sync + 'static>(error: E) -> BuilderError {
    BuilderError::State {
        source: Box::new(error),
    }
}
