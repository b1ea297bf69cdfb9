use alloy_eips::BlockNumHash;
use alloy_primitives::B256;
use openledger_trie::NodeDecodeError;
use std::{io, path::PathBuf};

/// Why the store couldn't do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the store open.
    #[error("the store at {} is in use by another process", path.display())]
    Locked {
        /// The store's directory.
        path: PathBuf,
    },
    /// The directory holds something else than a store.
    #[error("{} is not an OpenLedger store: give an empty or a new directory", path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
    },
    /// The store was written by a newer version of this program.
    #[error("the store has schema version {found}, newer than {supported}: use a newer openledger")]
    SchemaNewer {
        /// The version found.
        found: u32,
        /// The newest version that this program knows.
        supported: u32,
    },
    /// The store was written by a version of this program whose format is no longer read.
    #[error("the store has schema version {found}, older than {supported}: sync it anew")]
    SchemaOlder {
        /// The version found.
        found: u32,
        /// The version that this program reads.
        supported: u32,
    },
    /// The database found its own files damaged.
    #[error("the store at {} is corrupt: restore it from a snapshot or sync it anew", path.display())]
    Corrupt {
        /// The store's directory.
        path: PathBuf,
        /// What the database found.
        #[source]
        source: rocksdb::Error,
    },
    /// The store's directory can't be used.
    #[error("cannot use the directory {}", path.display())]
    Directory {
        /// The store's directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The database failed.
    #[error("the database failed")]
    Database(#[from] rocksdb::Error),
    /// A record doesn't decode.
    #[error("malformed record in {column}")]
    MalformedRecord {
        /// Name of the column family.
        column: &'static str,
    },
    /// A record that another one implies is missing.
    #[error("no record in {column} for block {number}")]
    MissingRecord {
        /// Name of the column family.
        column: &'static str,
        /// The block whose record is missing.
        number: u64,
    },
    /// The journal's files can't be read or written.
    #[error("cannot use the journal in {}", path.display())]
    Journal {
        /// The journal's directory.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A journal record is larger than any transaction.
    #[error("a journal record of {bytes} bytes is above the limit of {max}")]
    JournalRecordTooLarge {
        /// The record's length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// There is no genesis block yet.
    #[error("the store is empty: it has no genesis block yet")]
    Empty,
    /// There already is a genesis block.
    #[error("the store already holds a chain up to block {number}")]
    NotEmpty {
        /// The head.
        number: u64,
    },
    /// A block isn't the one after the head.
    #[error("block {number} does not follow head {head}")]
    NotNext {
        /// The head's number.
        head: u64,
        /// The number given.
        number: u64,
    },
    /// A block's parent isn't the head.
    #[error("block {number} has parent {parent}, but the head is {head}")]
    ParentMismatch {
        /// The number given.
        number: u64,
        /// The parent that it names.
        parent: B256,
        /// The head's hash.
        head: B256,
    },
    /// A block's header and its trie updates disagree.
    #[error("block {number} has state root {header}, but its trie updates end in {updates}")]
    StateRootMismatch {
        /// The number given.
        number: u64,
        /// The header's state root.
        header: B256,
        /// The updates' root.
        updates: B256,
    },
    /// A block's lists have different lengths.
    #[error(
        "block {number} has {transactions} transactions, {senders} senders, {receipts} receipts"
    )]
    UnalignedBlock {
        /// The number given.
        number: u64,
        /// How many transactions it has.
        transactions: usize,
        /// How many senders.
        senders: usize,
        /// How many receipts.
        receipts: usize,
    },
    /// Trie updates name a storage trie whose account didn't change, or lack a changed account.
    #[error("the trie updates of block {number} do not belong to its state changes")]
    ForeignUpdates {
        /// The number given.
        number: u64,
    },
    /// There is no such block.
    #[error("no block {number}: the head is {head}")]
    UnknownBlock {
        /// The number asked for.
        number: u64,
        /// The head's number.
        head: u64,
    },
    /// A head to be set isn't a block of the chain.
    #[error("block {} with hash {} is not in the chain", .0.number, .0.hash)]
    UnknownHead(BlockNumHash),
    /// The state after a block is no longer kept.
    #[error("the state after block {number} is pruned: the oldest kept is {oldest}")]
    HistoryPruned {
        /// The number asked for.
        number: u64,
        /// The oldest block whose state is kept.
        oldest: u64,
    },
    /// More blocks would be unwound than the options allow.
    #[error("unwinding from {head} to {to} removes more than {max} blocks")]
    UnwindTooLong {
        /// The head's number.
        head: u64,
        /// The number to unwind to.
        to: u64,
        /// Most blocks that may be removed.
        max: u64,
    },
    /// Too many sealed blocks are not in the index of transactions by address yet.
    #[error("the index of transactions by address holds blocks up to {newest} of {head}")]
    AddressIndexBehind {
        /// The newest block in it.
        newest: u64,
        /// The head's number.
        head: u64,
    },
    /// A trie node that a parent refers to is missing.
    #[error("no trie node {hash} at {path:?} of {account:?}")]
    MissingNode {
        /// Hashed address of the storage trie's account; `None` for the account trie.
        account: Option<B256>,
        /// Path of the node, one nibble a byte.
        path: Vec<u8>,
        /// Its hash.
        hash: B256,
    },
    /// A trie node isn't the one that its parent refers to: the store is damaged.
    #[error("the trie node at {path:?} of {account:?} has hash {found}, not {expected}")]
    NodeMismatch {
        /// Hashed address of the storage trie's account; `None` for the account trie.
        account: Option<B256>,
        /// Path of the node, one nibble a byte.
        path: Vec<u8>,
        /// The hash asked for.
        expected: B256,
        /// The hash of what is there.
        found: B256,
    },
    /// A stored trie node isn't one.
    #[error("malformed trie node at {path:?} of {account:?}")]
    MalformedNode {
        /// Hashed address of the storage trie's account; `None` for the account trie.
        account: Option<B256>,
        /// Path of the node, one nibble a byte.
        path: Vec<u8>,
        /// What is wrong with it.
        #[source]
        source: NodeDecodeError,
    },
}

/// What a caller should do about an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The request was wrong or came at the wrong time; the store is sound.
    Request,
    /// The store or the machine is broken: stop.
    Fatal,
}

impl StoreError {
    /// Whether the request or the store is at fault.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Empty
            | Self::AddressIndexBehind { .. }
            | Self::JournalRecordTooLarge { .. }
            | Self::NotEmpty { .. }
            | Self::NotNext { .. }
            | Self::ParentMismatch { .. }
            | Self::StateRootMismatch { .. }
            | Self::UnalignedBlock { .. }
            | Self::ForeignUpdates { .. }
            | Self::UnknownBlock { .. }
            | Self::UnknownHead(_)
            | Self::HistoryPruned { .. }
            | Self::UnwindTooLong { .. } => Severity::Request,
            Self::Locked { .. }
            | Self::NotAStore { .. }
            | Self::SchemaNewer { .. }
            | Self::SchemaOlder { .. }
            | Self::Corrupt { .. }
            | Self::Directory { .. }
            | Self::Journal { .. }
            | Self::Database(_)
            | Self::MalformedRecord { .. }
            | Self::MissingRecord { .. }
            | Self::MissingNode { .. }
            | Self::NodeMismatch { .. }
            | Self::MalformedNode { .. } => Severity::Fatal,
        }
    }
}
