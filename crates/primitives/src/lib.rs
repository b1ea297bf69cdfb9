//! Chain types, chain configuration, predeploy addresses and state-reader traits.
//!
//! Everything else in the workspace speaks in these types. The block, transaction and receipt types
//! are alloy's and op-alloy's; this crate fixes which of them the chain uses and adds what they lack:
//! the rollup configuration ([`ChainConfig`], the op-node `RollupConfig` form), the predeploy table,
//! the account and state-change types that the executor, the trie and the store exchange, and the
//! [`StateReader`] trait by which consensus code reads state without knowing where it lives.
//!
//! Invariants: no I/O, no clock, no floats, no hash-map order in any output. `no_std` + `alloc`.
//! Start reading at [`ChainConfig`], then [`StateChanges`].
#![no_std]

extern crate alloc;

mod attributes;
mod block;
mod config;
pub mod predeploys;
mod state;

pub use attributes::BlockAttributes;
pub use block::{
    Block, BlockBody, Header, Receipt, SealedBlock, SealedHeader, Transaction, deposit_sender,
};
pub use config::{
    BlobSchedule, ChainConfig, ChainGenesis, DA_FOOTPRINT_GAS_SCALAR_DEFAULT, FeeConfig, ForkTimes,
    GENESIS_EXTRA_KEY, GenesisExtra, GenesisId, JovianUpgrade, L1ChainConfig, L1Contracts, L1Roles,
    SystemConfig, SystemConfigError,
};
pub use state::{
    Account, AccountChange, AccountInfo, EMPTY_CODE_HASH, EMPTY_ROOT_HASH, NodeReader,
    StateChanges, StateReader,
};

pub use alloy_eips::{BlockNumHash, eip1898::BlockWithParent};
pub use alloy_op_hardforks::{EthereumHardforks, OpHardforks};
