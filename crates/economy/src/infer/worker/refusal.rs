//! What a worker says no with.

use crate::infer::{
    Breach,
    calls::{CALLS_MAX, CallsError},
    message::MessageError,
};
use alloy_primitives::{Address, B256, U256};
use openledger_client::open;

/// Why a worker refuses. The person at the other end reads it: it says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The message is malformed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The prompt is too long.
    #[error("the prompt has {length} bytes, and {max} are taken")]
    PromptTooLong {
        /// Its bytes.
        length: usize,
        /// The limit.
        max: usize,
    },
    /// More tokens than the worker makes.
    #[error("{given} tokens of output are asked for, and at most {max} are made")]
    TooManyTokens {
        /// What is asked for.
        given: u32,
        /// The limit.
        max: u32,
    },
    /// The chain has no such channel.
    #[error("the chain has no channel {channel}: its transaction may not be in a block yet")]
    UnknownChannel {
        /// The channel.
        channel: B256,
    },
    /// It is for somebody else.
    #[error("the channel is for {payee}, and this is {worker}")]
    OtherPayee {
        /// Who is paid by it.
        payee: Address,
        /// Who this is.
        worker: Address,
    },
    /// It is for another adapter.
    #[error("the channel is for adapter {given}, and this worker serves {served}")]
    OtherAdapter {
        /// The channel's, or the request's.
        given: u64,
        /// The one that is served.
        served: u64,
    },
    /// Its platform fee is too low.
    #[error(
        "the channel's platform fee is {} a call, and {} are asked for",
        open(U256::from(*.given)),
        open(U256::from(*.min))
    )]
    PlatformFeeTooLow {
        /// The channel's, wei.
        given: u128,
        /// The least, wei.
        min: u128,
    },
    /// It is closed, or its exit has begun.
    #[error("the channel is closed or its exit has begun: open another one")]
    ChannelClosing,
    /// Another call is the next.
    #[error("call {given} is asked for, and {next} is the next")]
    NotNext {
        /// What is asked for.
        given: u64,
        /// The next.
        next: u64,
    },
    /// The channel has had all its calls.
    #[error("the channel has had {CALLS_MAX} calls, the most that one has: open another one")]
    ChannelFull,
    /// No key signed it whose signature counts.
    #[error(
        "neither {payer} nor the signer of its policy signed this; a payer that is a contract names a signer with a key in its policy"
    )]
    NotSigned {
        /// The payer.
        payer: Address,
    },
    /// A call of the channel is under way.
    #[error("a call of the channel is under way: wait for it")]
    UnderWay,
    /// Another call waits to be paid.
    #[error(
        "call {number} was offered for another prompt and isn't paid: pay for it, or wait {seconds} s"
    )]
    Unpaid {
        /// The call.
        number: u64,
        /// Seconds until it is given up.
        seconds: u64,
    },
    /// There is no offer that a voucher would pay for.
    #[error("no call of the channel waits to be paid; {count} are paid")]
    NothingOffered {
        /// Paid calls.
        count: u64,
    },
    /// The call is paid already.
    #[error(
        "call {count} is paid already: its output is asked for by the payer's signature (`openledger infer call --again`)"
    )]
    AlreadyPaid {
        /// Which call.
        count: u64,
    },
    /// The worker has no stake to work with.
    #[error(
        "the worker has no stake to work with now, and couldn't be paid: try again later, or another one"
    )]
    NotActive,
    /// The voucher is another than the offer's.
    #[error(
        "the voucher is for {given_count} calls, {given} wei, root {given_root}; the one for the offer is for {count} calls, \
         {expected} wei, root {root}"
    )]
    OtherVoucher {
        /// Its count.
        given_count: u64,
        /// Its sum.
        given: U256,
        /// Its root.
        given_root: B256,
        /// The offer's count.
        count: u64,
        /// The offer's sum.
        expected: U256,
        /// The offer's root.
        root: B256,
    },
    /// The voucher is for other accounts.
    #[error("the voucher's payer or payee isn't the channel's")]
    OtherAccounts,
    /// It can't be settled for long enough.
    #[error("the voucher can be settled until second {expiry}, and {min} is asked for at least")]
    ExpiresTooSoon {
        /// Its last second.
        expiry: u64,
        /// The least.
        min: u64,
    },
    /// The lock doesn't suffice.
    #[error(
        "all calls with this one cost up to {}, and {} are locked: lock more by `openledger infer top-up`",
        open(*.cumulative),
        open(U256::from(*.locked))
    )]
    LockTooSmall {
        /// What would be owed, wei.
        cumulative: U256,
        /// What is locked, wei.
        locked: u128,
    },
    /// It would break the payer's policy.
    #[error("it would break the payer's policy: {0}")]
    Policy(Breach),
    /// The chain has no such request.
    #[error("the chain has no request {request_id}: its transaction may not be in a block yet")]
    UnknownRequest {
        /// The request.
        request_id: B256,
    },
    /// It is somebody else's.
    #[error("the request is for {worker}")]
    OtherWorker {
        /// Who is to serve it.
        worker: Address,
    },
    /// It isn't open.
    #[error("the request is {status}")]
    NotOpen {
        /// What it is.
        status: &'static str,
    },
    /// There is too little time left.
    #[error(
        "the request's deadline is second {deadline}, too soon to serve it: have it refunded then"
    )]
    TooLate {
        /// The deadline.
        deadline: u64,
    },
    /// Another prompt than the request's.
    #[error("the prompt's hash is {given}, and the request is for {expected}")]
    OtherPrompt {
        /// The prompt's.
        given: B256,
        /// The request's.
        expected: B256,
    },
    /// The prompt has more tokens than the request says.
    #[error(
        "the prompt has {given} tokens, and the request pays for {declared}: make another request"
    )]
    TokensIn {
        /// The prompt's.
        given: u32,
        /// The request's.
        declared: u32,
    },
    /// Too many calls are waiting.
    #[error("the worker is busy: try again in some seconds")]
    Busy,
    /// The worker keeps too many channels.
    #[error("the worker has {max} channels, the most that it keeps: ask another one")]
    TooManyChannels {
        /// The limit.
        max: usize,
    },
    /// The model gave nothing that can be used.
    #[error("the model failed: {0}")]
    Model(#[from] super::ModelError),
    /// The worker can't write or read its files.
    #[error("the worker can't use its files")]
    Files(#[source] CallsError),
    /// The chain can't be asked, or refuses the worker's transaction.
    #[error("the worker can't go on with the chain: {0:#}")]
    Chain(anyhow::Error),
    /// The output is no longer kept.
    #[error("the output of {request_id} is no longer kept")]
    ContentGone {
        /// The call.
        request_id: B256,
    },
    /// The worker itself failed.
    #[error("the worker failed; its log says why")]
    Failed,
}

impl Refusal {
    /// Its name, for programs.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Message(_) => "malformed",
            Self::PromptTooLong { .. } => "promptTooLong",
            Self::TooManyTokens { .. } => "tooManyTokens",
            Self::UnknownChannel { .. } => "unknownChannel",
            Self::OtherPayee { .. } => "otherPayee",
            Self::OtherAdapter { .. } => "otherAdapter",
            Self::PlatformFeeTooLow { .. } => "platformFeeTooLow",
            Self::ChannelClosing => "channelClosing",
            Self::NotNext { .. } => "notNext",
            Self::ChannelFull => "channelFull",
            Self::NotSigned { .. } => "notSigned",
            Self::UnderWay => "underWay",
            Self::Unpaid { .. } => "unpaid",
            Self::NothingOffered { .. } => "nothingOffered",
            Self::AlreadyPaid { .. } => "alreadyPaid",
            Self::NotActive => "notActive",
            Self::OtherVoucher { .. } => "otherVoucher",
            Self::OtherAccounts => "otherAccounts",
            Self::ExpiresTooSoon { .. } => "expiresTooSoon",
            Self::LockTooSmall { .. } => "lockTooSmall",
            Self::Policy(_) => "policy",
            Self::UnknownRequest { .. } => "unknownRequest",
            Self::OtherWorker { .. } => "otherWorker",
            Self::NotOpen { .. } => "notOpen",
            Self::TooLate { .. } => "tooLate",
            Self::OtherPrompt { .. } => "otherPrompt",
            Self::TokensIn { .. } => "tokensIn",
            Self::Busy => "busy",
            Self::TooManyChannels { .. } => "tooManyChannels",
            Self::Model(_) => "model",
            Self::Files(_) => "files",
            Self::Chain(_) => "chain",
            Self::ContentGone { .. } => "contentGone",
            Self::Failed => "failed",
        }
    }

    /// The HTTP status: 400 what is malformed, 404 what isn't there, 409 what is out of turn, 402 what isn't paid for, 403 what isn't
    /// the asker's to ask, 503 what may be asked again, 500 what is the worker's own fault.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Message(_)
            | Self::PromptTooLong { .. }
            | Self::TooManyTokens { .. }
            | Self::OtherPrompt { .. }
            | Self::TokensIn { .. } => 400,
            Self::LockTooSmall { .. }
            | Self::PlatformFeeTooLow { .. }
            | Self::ExpiresTooSoon { .. } => 402,
            Self::OtherPayee { .. }
            | Self::OtherAdapter { .. }
            | Self::OtherWorker { .. }
            | Self::NotSigned { .. }
            | Self::OtherAccounts
            | Self::Policy(_) => 403,
            Self::UnknownChannel { .. }
            | Self::UnknownRequest { .. }
            | Self::ContentGone { .. } => 404,
            Self::ChannelClosing
            | Self::NotNext { .. }
            | Self::ChannelFull
            | Self::UnderWay
            | Self::Unpaid { .. }
            | Self::NothingOffered { .. }
            | Self::AlreadyPaid { .. }
            | Self::OtherVoucher { .. }
            | Self::NotOpen { .. }
            | Self::TooLate { .. } => 409,
            Self::NotActive | Self::Busy | Self::TooManyChannels { .. } | Self::Chain(_) => 503,
            Self::Model(_) | Self::Files(_) | Self::Failed => 500,
        }
    }
}

impl From<CallsError> for Refusal {
    fn from(error: CallsError) -> Self {
        Self::Files(error)
    }
}
