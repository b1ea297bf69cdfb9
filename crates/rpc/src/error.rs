//! What goes wrong with a request, and the JSON-RPC error that says so. This is the one place where
//! codes and texts are decided.
//!
//! | code | meaning |
//! |---|---|
//! | 3 | a call reverted; `data` is what it returned |
//! | 4, 5, 6 | EIP-7966: not executed in time (`data`: hash); it waits and can't be executed now (`data`: hash); nonce gap (`data`: expected nonce) |
//! | 4444 | the history asked for was pruned |
//! | -32000 | a transaction is refused, a call fails other than by revert, and the like; go-ethereum's texts, which clients match |
//! | -32001 | the block or filter asked for is unknown |
//! | -32002 | the request took too long |
//! | -32005 | a limit is exceeded; the text names it |
//! | -32600, -32601, -32602, -32603, -32700 | JSON-RPC 2.0's own |
//! | -38010 … -38026 | `eth_simulateV1`, by the execution-apis specification |

use crate::{config::Namespace, params::ParamError, revert};
use alloy_op_evm::error::OpTxError;
use alloy_primitives::{Address, B256, Bytes, U256};
use op_revm::{OpHaltReason, OpTransactionError};
use openledger_chain::{ChainError, LocalError, SequencerError, SubmitError};
use openledger_execution::{DatabaseError, ExecutionError};
use openledger_mempool::{DecodeError, InsertError};
use openledger_store::StoreError;
use revm::context_interface::result::{EVMError, HaltReason, InvalidTransaction};
use std::{borrow::Cow, io, net::SocketAddr};

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The port is taken.
    #[error("port {port} is in use: stop what uses it, or choose another by {flag}")]
    PortInUse {
        /// The port.
        port: u16,
        /// The flag that sets it.
        flag: &'static str,
    },
    /// The address can't be bound for another reason.
    #[error("can't listen on {address} ({flag}): {source}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// The flag that sets it.
        flag: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The privileged listener would be open to others without a token.
    #[error(
        "the privileged listener on {address} is no loopback address, so it needs a token: set one, \
         or bind it to 127.0.0.1"
    )]
    TokenNeeded {
        /// The address.
        address: SocketAddr,
    },
    /// A CORS origin can't be sent as a header.
    #[error("CORS origin {origin:?} is no valid header value")]
    Origin {
        /// What was given.
        origin: Box<str>,
    },
}

/// Why a request is answered with an error.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The body is no JSON.
    #[error("parse error: {0}")]
    Parse(#[source] serde_json::Error),
    /// The body is no JSON-RPC request.
    #[error("invalid request: {0}")]
    Request(RequestError),
    /// No such method.
    #[error("the method {method} does not exist/is not available")]
    UnknownMethod {
        /// Its name.
        method: Box<str>,
    },
    /// The method is there, but not on this listener.
    #[error(
        "the method {method} is not available here: the {namespace} namespace is served by the \
         privileged listener, or by this one if --http.api names it"
    )]
    Elsewhere {
        /// Its name.
        method: &'static str,
        /// Its namespace.
        namespace: Namespace,
    },
    /// The method needs something that this node was not asked to keep.
    #[error("the method {method} is not available here: start the node with {flag}")]
    NotEnabled {
        /// Its name.
        method: &'static str,
        /// The flag that asks for it.
        flag: &'static str,
    },
    /// The method needs a WebSocket connection.
    #[error("the method {method} is available over WebSocket only")]
    WebSocketOnly {
        /// Its name.
        method: &'static str,
    },
    /// A parameter is missing or malformed.
    #[error("invalid params: {path}: {reason}")]
    Params {
        /// Which.
        path: Box<str>,
        /// What is wrong with it.
        reason: ParamError,
    },
    /// More parameters than the method has.
    #[error("invalid params: too many arguments, want at most {max}")]
    TooManyParams {
        /// How many it has.
        max: usize,
    },
    /// A limit is exceeded.
    #[error("limit exceeded: {what} may be at most {max} ({limit})")]
    Limit {
        /// In words.
        what: &'static str,
        /// The limit's name in the configuration.
        limit: &'static str,
        /// Its value.
        max: u64,
    },
    /// Too many costly requests wait.
    #[error("limit exceeded: the node is busy, {max} requests wait already (blocking_queue_max)")]
    Busy {
        /// The limit.
        max: usize,
    },
    /// The request was abandoned.
    #[error("request timed out after {millis} ms ({limit})")]
    Timeout {
        /// The limit's name.
        limit: &'static str,
        /// Its value.
        millis: u64,
    },
    /// No such block, where one must be.
    #[error("header not found: block {0}")]
    UnknownBlock(u64),
    /// No such block, where one must be.
    #[error("header for hash not found: {0}")]
    UnknownBlockHash(B256),
    /// No such transaction, where one must be.
    #[error("transaction not found: {0}")]
    UnknownTransaction(B256),
    /// The block is there, but its state no longer.
    #[error("state of block {block} is not available: the oldest that is kept is that of {oldest}")]
    Pruned {
        /// The block.
        block: u64,
        /// The oldest with state.
        oldest: u64,
    },
    /// Transactions by address are not known any more.
    #[error(
        "transactions by address are known from block {oldest} on: what is older was pruned with the state"
    )]
    AddressesPruned {
        /// The oldest block in the index.
        oldest: u64,
    },
    /// Transactions by address are not known yet.
    #[error(
        "the index of transactions by address is not ready: it holds blocks up to {newest} of {head}"
    )]
    AddressesBehind {
        /// The newest block in the index.
        newest: u64,
        /// The head.
        head: u64,
    },
    /// The open block's state has no root, so nothing of it can be proved.
    #[error("the pending state has no root yet: ask for latest")]
    NoPendingRoot,
    /// A range that ends before it begins.
    #[error("invalid block range params: {from} is after {to}")]
    BlockRange {
        /// First block.
        from: u64,
        /// Last block.
        to: u64,
    },
    /// A call reverted.
    #[error("{}", revert::message(.output))]
    Reverted {
        /// What it returned.
        output: Bytes,
    },
    /// A call stopped with an error of the EVM.
    #[error("{0}")]
    Halted(Cow<'static, str>),
    /// No gas limit up to the most that is allowed suffices.
    #[error("gas required exceeds allowance ({allowance})")]
    GasAllowance {
        /// The most.
        allowance: u64,
    },
    /// The balance doesn't cover a call.
    #[error(
        "insufficient funds for gas * price + value: address {address} have {balance} want {cost}, \
         of which L1 fee {l1_fee}"
    )]
    InsufficientFunds {
        /// The sender.
        address: Address,
        /// Its balance, wei.
        balance: U256,
        /// What it needs, wei.
        cost: U256,
        /// L1 data fee and operator fee in it, wei.
        l1_fee: U256,
    },
    /// A call or transaction that the protocol refuses.
    #[error("{}", invalid_transaction(.0))]
    Invalid(Box<InvalidTransaction>),
    /// Bytes that are no transaction.
    #[error("{0}")]
    Decode(#[from] DecodeError),
    /// A transaction that the sequencer refuses.
    #[error("{0}")]
    Submit(#[from] SubmitError),
    /// EIP-7966, code 4.
    #[error("the transaction was added to the pool but wasn't processed within {millis} ms")]
    SyncTimeout {
        /// The transaction.
        hash: B256,
        /// How long it was waited for.
        millis: u64,
    },
    /// EIP-7966, code 5.
    #[error("the transaction was added to the pool but can't be executed now")]
    SyncUnready {
        /// The transaction.
        hash: B256,
    },
    /// EIP-7966, code 6.
    #[error("nonce gap: the transaction has nonce {nonce}, the next is {expected}")]
    SyncNonceGap {
        /// The transaction's nonce.
        nonce: u64,
        /// The account's next nonce.
        expected: u64,
    },
    /// This node doesn't build blocks.
    #[error("this node is no sequencer: send transactions to the sequencer's URL")]
    NoSequencer,
    /// The sequencer can't be started or stopped.
    #[error("{0}")]
    Sequencer(#[from] SequencerError),
    /// A local command is refused.
    #[error("{0}")]
    Local(#[from] LocalError),
    /// A method of local chains whose state may be changed at will.
    #[error("{0}")]
    Settled(LocalError),
    /// No such filter, or it has expired.
    #[error("filter not found")]
    UnknownFilter,
    /// The node has no key of this account.
    #[error("unknown account: this node has no key of {0}")]
    UnknownAccount(Address),
    /// Signing failed.
    #[error("signing failed")]
    Signing(#[source] alloy_signer::Error),
    /// A tracer or its configuration is unknown.
    #[error("{0}")]
    Tracer(Box<str>),
    /// Something that this node doesn't keep.
    #[error("{0}")]
    Unavailable(&'static str),
    /// `eth_simulateV1`.
    #[error("{0}")]
    Simulation(SimulationError),
    /// A call of `eth_simulateV1` could not be a transaction.
    #[error("{0}")]
    SimulatedCall(Box<Self>),
    /// The node is broken. Logged, not told.
    #[error("internal error")]
    Internal(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why JSON is no JSON-RPC request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum RequestError {
    /// An empty batch.
    #[error("empty batch")]
    EmptyBatch,
    /// Neither an object nor an array of objects.
    #[error("not an object")]
    NotAnObject,
    /// No method.
    #[error("method is missing or no string")]
    Method,
    /// `jsonrpc` is not "2.0".
    #[error("jsonrpc must be \"2.0\"")]
    Version,
    /// The id is an object, an array or a boolean.
    #[error("id must be a string, a number or null")]
    Id,
}

/// What `eth_simulateV1` refuses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SimulationError {
    /// Block numbers must increase.
    #[error("block numbers must be in order: {number} <= {previous}")]
    NumberOrder {
        /// What was asked for.
        number: u64,
        /// The block before.
        previous: u64,
    },
    /// Timestamps must increase.
    #[error("block timestamps must be in order: {timestamp} <= {previous}")]
    TimeOrder {
        /// What was asked for.
        timestamp: u64,
        /// The block before.
        previous: u64,
    },
    /// The block's gas limit is reached.
    #[error("block gas limit reached: {requested} > {available}")]
    BlockGas {
        /// The call's gas limit.
        requested: u64,
        /// Gas left.
        available: u64,
    },
    /// More blocks than allowed, gaps counted.
    #[error("too many blocks: at most {max} (simulate_blocks_max)")]
    TooManyBlocks {
        /// The limit.
        max: usize,
    },
    /// A precompile is moved to its own or a used address.
    #[error("account {0} can't be overridden: it is the target of a moved precompile, or none")]
    MovePrecompile(Address),
}

impl Failure {
    /// A failure of the node itself.
    pub(crate) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Self {
        Self::Internal(Box::new(error))
    }

    /// The JSON-RPC error code.
    pub(crate) fn code(&self) -> i64 {
        match self {
            Self::Parse(_) => -32700,
            Self::Request(_) => -32600,
            Self::UnknownMethod { .. }
            | Self::Elsewhere { .. }
            | Self::NotEnabled { .. }
            | Self::WebSocketOnly { .. } => -32601,
            Self::Params { .. } | Self::TooManyParams { .. } | Self::BlockRange { .. } => -32602,
            Self::Limit { .. } | Self::Busy { .. } => -32005,
            Self::Submit(SubmitError::Busy { .. }) => -32005,
            Self::Submit(SubmitError::Pool(InsertError::State(_))) => -32603,
            Self::Timeout { .. } => -32002,
            Self::UnknownBlock(_) | Self::UnknownBlockHash(_) => -32001,
            Self::Pruned { .. } | Self::AddressesPruned { .. } => 4444,
            Self::Reverted { .. } => 3,
            Self::SyncTimeout { .. } => 4,
            Self::SyncUnready { .. } => 5,
            Self::SyncNonceGap { .. } => 6,
            Self::Simulation(error) => match error {
                SimulationError::NumberOrder { .. } => -38020,
                SimulationError::TimeOrder { .. } => -38021,
                SimulationError::BlockGas { .. } => -38015,
                SimulationError::MovePrecompile(_) => -38022,
                SimulationError::TooManyBlocks { .. } => -38026,
            },
            Self::SimulatedCall(failure) => failure.simulation_code(),
            Self::Internal(_) => -32603,
            _ => -32000,
        }
    }

    /// The code in an `eth_simulateV1` with validation, where the refusal of a call fails the whole.
    fn simulation_code(&self) -> i64 {
        match self {
            Self::InsufficientFunds { .. } => -38014,
            Self::Invalid(error) => match **error {
                InvalidTransaction::NonceTooLow { .. } => -38010,
                InvalidTransaction::NonceTooHigh { .. } => -38011,
                InvalidTransaction::GasPriceLessThanBasefee => -38012,
                InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. } => -38013,
                InvalidTransaction::LackOfFundForMaxFee { .. }
                | InvalidTransaction::OverflowPaymentInTransaction => -38014,
                InvalidTransaction::CallerGasLimitMoreThanBlock => -38015,
                InvalidTransaction::RejectCallerWithCode => -38024,
                InvalidTransaction::CreateInitCodeSizeLimit => -38025,
                _ => -32000,
            },
            _ => self.code(),
        }
    }

    /// The error's `data`, if it has any.
    pub(crate) fn data(&self) -> Option<ErrorData> {
        match self {
            Self::Reverted { output } => Some(ErrorData::Bytes(output.clone())),
            Self::SyncTimeout { hash, .. } | Self::SyncUnready { hash } => {
                Some(ErrorData::Bytes(Bytes::copy_from_slice(hash.as_slice())))
            }
            Self::SyncNonceGap { expected, .. } => Some(ErrorData::Quantity(*expected)),
            _ => None,
        }
    }

    /// Whether an operator should hear of it.
    pub(crate) fn is_internal(&self) -> bool {
        self.code() == -32603
    }

    /// A refused or broken execution.
    pub(crate) fn from_evm<E>(error: EVMError<DatabaseError<E>, OpTxError>) -> Self
    where
        E: std::error::Error + Send + Sync + 'static,
        Self: From<E>,
    {
        match error {
            EVMError::Transaction(OpTxError(OpTransactionError::Base(error))) => {
                Self::Invalid(Box::new(error))
            }
            EVMError::Database(DatabaseError::Read(error)) => error.into(),
            error => Self::internal(error),
        }
    }

    /// What the EVM stopped a call for.
    pub(crate) fn halted(reason: &OpHaltReason) -> Self {
        Self::Halted(match reason {
            OpHaltReason::Base(reason) => halt(reason),
            OpHaltReason::FailedDeposit => "deposit failed".into(),
        })
    }
}

/// `data` of an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ErrorData {
    /// Hex bytes.
    Bytes(Bytes),
    /// A quantity.
    Quantity(u64),
}

/// go-ethereum's words for a halt.
fn halt(reason: &HaltReason) -> Cow<'static, str> {
    match reason {
        HaltReason::OutOfGas(_) => "out of gas",
        HaltReason::OpcodeNotFound | HaltReason::NotActivated => "invalid opcode",
        HaltReason::InvalidFEOpcode => "invalid opcode: INVALID",
        HaltReason::InvalidJump => "invalid jump destination",
        HaltReason::StackUnderflow => "stack underflow",
        HaltReason::StackOverflow => "stack limit reached 1024",
        HaltReason::OutOfOffset => "return data out of bounds",
        HaltReason::CreateCollision => "contract address collision",
        HaltReason::NonceOverflow => "nonce uint64 overflow",
        HaltReason::CreateContractSizeLimit => "max code size exceeded",
        HaltReason::CreateContractStartingWithEF => "invalid code: must not begin with 0xef",
        HaltReason::CreateInitCodeSizeLimit => "max initcode size exceeded",
        HaltReason::StateChangeDuringStaticCall | HaltReason::CallNotAllowedInsideStatic => {
            "write protection"
        }
        HaltReason::OutOfFunds => "insufficient balance for transfer",
        HaltReason::CallTooDeep => "max call depth exceeded",
        other => return other.to_string().into(),
    }
    .into()
}

/// go-ethereum's words for a refusal.
fn invalid_transaction(error: &InvalidTransaction) -> Cow<'static, str> {
    match error {
        InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
            "max priority fee per gas higher than max fee per gas".into()
        }
        InvalidTransaction::GasPriceLessThanBasefee => {
            "max fee per gas less than block base fee".into()
        }
        InvalidTransaction::CallerGasLimitMoreThanBlock => "gas limit reached".into(),
        InvalidTransaction::CallGasCostMoreThanGasLimit {
            initial_gas,
            gas_limit,
        } => format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}").into(),
        InvalidTransaction::GasFloorMoreThanGasLimit {
            gas_floor,
            gas_limit,
        } => {
            format!("insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}")
                .into()
        }
        InvalidTransaction::RejectCallerWithCode => "sender not an eoa".into(),
        InvalidTransaction::LackOfFundForMaxFee { fee, balance } => {
            format!("insufficient funds for gas * price + value: have {balance} want {fee}").into()
        }
        InvalidTransaction::OverflowPaymentInTransaction => {
            "insufficient funds for gas * price + value: the cost is above 256 bits".into()
        }
        InvalidTransaction::NonceOverflowInTransaction => "nonce has max value".into(),
        InvalidTransaction::NonceTooHigh { tx, state } => {
            format!("nonce too high: tx: {tx} state: {state}").into()
        }
        InvalidTransaction::NonceTooLow { tx, state } => {
            format!("nonce too low: next nonce {state}, tx nonce {tx}").into()
        }
        InvalidTransaction::CreateInitCodeSizeLimit => "max initcode size exceeded".into(),
        InvalidTransaction::EmptyAuthorizationList => {
            "set code tx must have at least one authorization tuple".into()
        }
        InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
            format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})").into()
        }
        other => other.to_string().into(),
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Store(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::HistoryPruned { number, oldest } => Self::Pruned {
                block: number,
                oldest,
            },
            StoreError::UnknownBlock { number, .. } => Self::UnknownBlock(number),
            StoreError::AddressIndexBehind { newest, head } => {
                Self::AddressesBehind { newest, head }
            }
            error => Self::internal(error),
        }
    }
}

impl From<ExecutionError> for Failure {
    fn from(error: ExecutionError) -> Self {
        Self::internal(error)
    }
}

impl<E> From<DatabaseError<E>> for Failure
where
    E: std::error::Error + Send + Sync + 'static,
    Self: From<E>,
{
    fn from(error: DatabaseError<E>) -> Self {
        match error {
            DatabaseError::Read(error) => error.into(),
            error => Self::internal(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{b256, hex};

    #[test]
    fn codes_are_those_that_clients_know() {
        let unknown = Failure::UnknownMethod {
            method: "eth_foo".into(),
        };
        assert_eq!(unknown.code(), -32601);
        assert_eq!(
            unknown.to_string(),
            "the method eth_foo does not exist/is not available"
        );
        let elsewhere = Failure::Elsewhere {
            method: "debug_traceCall",
            namespace: Namespace::Debug,
        };
        assert_eq!(elsewhere.code(), -32601);
        assert!(elsewhere.to_string().contains("privileged"));
        let limit = Failure::Limit {
            what: "requests in a batch",
            limit: "batch_requests_max",
            max: 7,
        };
        assert_eq!(limit.code(), -32005);
        assert!(
            limit.to_string().contains("batch_requests_max") && limit.to_string().contains('7')
        );
        assert_eq!(Failure::NoSequencer.code(), -32000);
    }

    #[test]
    fn eip_7966_errors_carry_what_a_client_needs() {
        let hash = b256!("00000000000000000000000000000000000000000000000000000000000000aa");
        let timeout = Failure::SyncTimeout { hash, millis: 5 };
        assert_eq!(timeout.code(), 4);
        assert_eq!(timeout.data(), Some(ErrorData::Bytes(hash.0.into())));
        let gap = Failure::SyncNonceGap {
            nonce: 9,
            expected: 7,
        };
        assert_eq!((gap.code(), gap.data()), (6, Some(ErrorData::Quantity(7))));
        assert_eq!(Failure::SyncUnready { hash }.code(), 5);
    }

    #[test]
    fn reverts_are_code_three_with_data() {
        let output = Bytes::from(hex!("deadbeef").to_vec());
        let failure = Failure::Reverted {
            output: output.clone(),
        };
        assert_eq!(failure.code(), 3);
        assert_eq!(failure.to_string(), "execution reverted");
        assert_eq!(failure.data(), Some(ErrorData::Bytes(output)));
    }

    #[test]
    fn refusals_use_the_texts_that_clients_match() {
        let text = |error| Failure::Invalid(Box::new(error)).to_string();
        assert!(
            text(InvalidTransaction::NonceTooLow { tx: 1, state: 2 }).contains("nonce too low")
        );
        assert!(
            text(InvalidTransaction::LackOfFundForMaxFee {
                fee: Box::new(U256::from(2)),
                balance: Box::new(U256::from(1))
            })
            .contains("insufficient funds for gas * price + value")
        );
    }
}
