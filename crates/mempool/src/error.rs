use alloy_primitives::{Address, B256, U256};

/// Why bytes are no transaction that the chain takes from users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("empty transaction data")]
    Empty,
    /// More bytes than [`TRANSACTION_SIZE_MAX`](crate::TRANSACTION_SIZE_MAX).
    #[error("oversized data: transaction size {size}, limit {limit}")]
    TooLarge {
        /// Bytes given.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Type 3 (EIP-4844).
    #[error(
        "blob transactions are not supported: this chain keeps no blobs for its users; use calldata"
    )]
    Blob,
    /// Type 0x7E.
    #[error("deposit transactions come from L1 only")]
    Deposit,
    /// Type 0x7D.
    #[error("post-exec transactions are made by the block builder only")]
    PostExec,
    /// Any other type byte.
    #[error("transaction type not supported: type {ty:#04x}")]
    UnknownType {
        /// The first byte.
        ty: u8,
    },
    /// Bytes after the transaction.
    #[error("{count} trailing bytes after the transaction")]
    TrailingBytes {
        /// How many.
        count: usize,
    },
    /// The RLP is malformed.
    #[error("invalid transaction encoding: {0}")]
    Rlp(#[source] alloy_rlp::Error),
    /// It decodes, but is not how those values are encoded, so its hash would be ambiguous.
    #[error("the transaction's encoding is not canonical")]
    NotCanonical,
    /// The signature's `s` is in the upper half (EIP-2).
    #[error(
        "invalid sender: invalid transaction v, r, s values: s is above half the curve's order (EIP-2)"
    )]
    HighS,
    /// No public key signs so.
    #[error("invalid sender: invalid transaction v, r, s values: no public key fits the signature")]
    InvalidSignature,
}

/// A balance that doesn't cover a transaction. Wei.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shortfall {
    /// The account's balance.
    pub balance: U256,
    /// Cost of the sender's other pending transactions.
    pub queued_cost: U256,
    /// Cost of this one: gas limit × fee cap + value + `l1_fee`.
    pub cost: U256,
    /// L1 data fee and operator fee in `cost`: what wallets leave out.
    pub l1_fee: U256,
}

impl std::fmt::Display for Shortfall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            balance,
            queued_cost,
            cost,
            l1_fee,
        } = self;
        write!(f, "balance {balance}, ")?;
        if !queued_cost.is_zero() {
            write!(f, "queued cost {queued_cost}, ")?;
        }
        write!(f, "tx cost {cost}, of which L1 fee {l1_fee}")
    }
}

/// Why the pool doesn't take a transaction. The texts begin as go-ethereum's, which clients match.
#[derive(Debug, thiserror::Error)]
pub enum InsertError {
    /// It is in the pool.
    #[error("already known")]
    AlreadyKnown {
        /// The transaction's hash.
        hash: B256,
    },
    /// Only types 0, 1, 2 and 4 come from users.
    #[error("transaction type not supported: type {ty:#04x}")]
    UnsupportedType {
        /// EIP-2718 type.
        ty: u8,
    },
    /// More bytes than [`TRANSACTION_SIZE_MAX`](crate::TRANSACTION_SIZE_MAX).
    #[error("oversized data: transaction size {size}, limit {limit}")]
    OversizedData {
        /// Its encoded bytes.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// Signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {have} want {want}")]
    InvalidChainId {
        /// The transaction's chain id.
        have: u64,
        /// This chain's.
        want: u64,
    },
    /// A legacy transaction without a chain id.
    #[error("only replay-protected (EIP-155) transactions allowed over RPC")]
    Unprotected,
    /// EIP-3860.
    #[error("max initcode size exceeded: code size {size} limit {limit}")]
    InitCodeSize {
        /// Bytes of init code.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// No block could hold it.
    #[error("exceeds block gas limit: tx gas {gas_limit}, block gas limit {limit}")]
    ExceedsBlockGasLimit {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// The block's.
        limit: u64,
    },
    /// EIP-7825.
    #[error("transaction gas limit too high (cap: {limit}, tx: {gas_limit})")]
    GasLimitTooHigh {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// The most that one may ask for.
        limit: u64,
    },
    /// The tip is above the fee cap.
    #[error(
        "max priority fee per gas higher than max fee per gas: \
         maxPriorityFeePerGas {tip}, maxFeePerGas {fee_cap}"
    )]
    TipAboveFeeCap {
        /// `maxPriorityFeePerGas`, wei.
        tip: u128,
        /// `maxFeePerGas`, wei.
        fee_cap: u128,
    },
    /// EIP-2681.
    #[error("nonce has max value")]
    NonceMax,
    /// Less gas than the transaction costs before its first instruction.
    #[error("intrinsic gas too low: gas {gas_limit}, minimum needed {needed}")]
    IntrinsicGas {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// Its intrinsic gas.
        needed: u64,
    },
    /// EIP-7623.
    #[error("insufficient gas for floor data gas cost: gas {gas_limit}, minimum needed {needed}")]
    FloorDataGas {
        /// The transaction's gas limit.
        gas_limit: u64,
        /// The floor that its calldata sets.
        needed: u64,
    },
    /// The priority fee cap is below the configured least.
    #[error("transaction underpriced: gas tip cap {tip}, minimum needed {minimum}")]
    TipUnderpriced {
        /// `maxPriorityFeePerGas`, or the gas price, wei.
        tip: u128,
        /// The configured least.
        minimum: u128,
    },
    /// The fee cap is below the configured least.
    #[error("transaction underpriced: gas fee cap {fee_cap}, minimum needed {minimum}")]
    FeeUnderpriced {
        /// `maxFeePerGas`, or the gas price, wei.
        fee_cap: u128,
        /// The configured least.
        minimum: u128,
    },
    /// The fee cap is below the base fee, and the pool is configured not to wait.
    #[error(
        "max fee per gas less than block base fee: address {sender}, \
         maxFeePerGas: {fee_cap}, baseFee: {base_fee}"
    )]
    FeeCapBelowBaseFee {
        /// The sender.
        sender: Address,
        /// `maxFeePerGas`, or the gas price, wei.
        fee_cap: u128,
        /// The open block's base fee, wei.
        base_fee: u64,
    },
    /// EIP-7702.
    #[error("set code tx must have at least one authorization tuple")]
    EmptyAuthorizationList,
    /// More authorizations than the pool checks.
    #[error("too many authorizations: {count}, limit {limit}")]
    TooManyAuthorizations {
        /// In the transaction.
        count: usize,
        /// Allowed.
        limit: usize,
    },
    /// EIP-3607.
    #[error("sender not an eoa: address {sender}, codehash: {code_hash}")]
    SenderNotEoa {
        /// The sender.
        sender: Address,
        /// keccak256 of its code.
        code_hash: B256,
    },
    /// The nonce is used.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The account's nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// The nonce is further ahead than the pool keeps.
    #[error("nonce too high: next nonce {next}, tx nonce {nonce}, gap limit {limit}")]
    NonceTooHigh {
        /// The account's nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
        /// How far ahead it may be.
        limit: u64,
    },
    /// The balance doesn't cover this transaction, or not after the sender's pending ones.
    #[error("insufficient funds for gas * price + value: {0}")]
    InsufficientFunds(Box<Shortfall>),
    /// Another transaction has the nonce and pays about as much.
    #[error(
        "replacement transaction underpriced: needs maxFeePerGas {fee_cap_needed} and \
         maxPriorityFeePerGas {tip_needed}"
    )]
    ReplacementUnderpriced {
        /// The least fee cap that replaces, wei.
        fee_cap_needed: u128,
        /// The least tip that replaces, wei.
        tip_needed: u128,
    },
    /// The sender has as many transactions here as it may.
    #[error("account limit exceeded: pooled {pooled} txs, limit {limit}")]
    AccountLimit {
        /// The sender's transactions in the pool.
        pooled: usize,
        /// Allowed.
        limit: usize,
    },
    /// The sender has as many transactions behind a gap as it may.
    #[error("account limit exceeded: queued {queued} txs, limit {limit}")]
    QueueLimit {
        /// The sender's queued transactions.
        queued: usize,
        /// Allowed.
        limit: usize,
    },
    /// A delegated account may have one transaction in flight: any other could be made invalid by
    /// its code at no cost.
    #[error("in-flight transaction limit reached for delegated accounts")]
    DelegatedInFlight {
        /// The sender.
        sender: Address,
    },
    /// A delegated account may leave no gap.
    #[error("gapped-nonce tx from delegated accounts: next nonce {next}, tx nonce {nonce}")]
    DelegatedGap {
        /// The account's nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// An authority has several transactions here, which the delegation could make invalid at once.
    #[error("authority already reserved: {authority} has {in_flight} txs in the pool")]
    AuthorityReserved {
        /// Who signed the authorization.
        authority: Address,
        /// Its transactions in the pool.
        in_flight: usize,
    },
    /// The pool is full of what pays at least as much.
    #[error("txpool is full: {transactions} transactions, {bytes} bytes, none of them pays less")]
    PoolFull {
        /// Transactions in the pool.
        transactions: usize,
        /// Their encoded bytes.
        bytes: usize,
    },
    /// The sender's account could not be read.
    #[error("the sender's account can't be read")]
    State(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl InsertError {
    /// Whether the fault is the node's, not the transaction's.
    pub const fn is_internal(&self) -> bool {
        matches!(self, Self::State(_))
    }
}
