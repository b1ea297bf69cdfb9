//! What is sent to the chain about channels and requests.

use super::{chain, ids};
use crate::{
    FileLock,
    infer::{
        ChannelJournal, PayerChannel,
        calls::{Header, VERSION, channel_lock_path, channel_of},
    },
};
use alloy_primitives::{Address, B256, U256};
use anyhow::{Context, bail, ensure};
use openledger_client::{Failure, Receipt, Sender, Step, open};
use openledger_contracts::{inference_router::InferenceRouter, voucher_channels::VoucherChannels};
use openledger_primitives::predeploys::{INFERENCE_ROUTER, VOUCHER_CHANNELS};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Whom a channel is for, and on which terms.
#[derive(Debug, Clone, Copy)]
pub struct ChannelTerms {
    /// The worker.
    pub payee: Address,
    /// The adapter.
    pub adapter: u64,
    /// Sum a call for the worker, wei.
    pub platform_fee: u128,
    /// What tells it from other channels on the same terms.
    pub salt: B256,
}

/// Opens a channel with `locked` wei in it, and the payer's file of it in `directory`. The file comes first: a channel without one
/// couldn't be paid from.
///
/// # Errors
/// A directory that can't be written, a chain that refuses.
pub async fn open_channel(
    sender: &mut Sender,
    directory: &Path,
    terms: &ChannelTerms,
    locked: U256,
) -> anyhow::Result<B256> {
    let chain_id = sender.node().chain_id();
    let payer = sender.account();
    let ChannelTerms {
        payee,
        adapter,
        platform_fee,
        salt,
    } = *terms;
    let channel = ids::channel_id(chain_id, payer, payee, adapter, platform_fee, salt);
    let header = Header {
        version: VERSION,
        chain_id,
        channel,
        payer,
        payee,
        adapter,
        platform_fee,
    };
    fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
    let journal = ChannelJournal::create(directory, header)?;
    let call = VoucherChannels::openChannelCall {
        payee,
        adapter,
        platformFee: platform_fee,
        salt,
    };
    let step = Step::call("opening the channel", VOUCHER_CHANNELS, &call).paying(locked);
    if let Err(error) = sender.send(step).await {
        let view = chain::channel_view(sender.node(), channel).await;
        return match view {
            // It is in a block after all.
            Ok(view) if view.exists() => Ok(channel),
            // What was refused is in no block, and never will be. Anything else may still get into one.
            Ok(_)
                if matches!(
                    error.downcast_ref::<Failure>(),
                    Some(Failure::Reverted(_) | Failure::Refused(_))
                ) =>
            {
                journal.remove();
                Err(error)
            }
            _ => Err(error.context(format!(
                "channel {channel} may be open, or come to be: `openledger infer status {channel}` says; its file is kept"
            ))),
        };
    }
    Ok(channel)
}

/// Opens the payer's file of a channel for calls. Nobody else calls by the channel meanwhile.
///
/// # Errors
/// A file that isn't there, is in use or isn't what it should be.
pub fn payer_channel(
    directory: &Path,
    channel: B256,
    key: alloy_signer_local::PrivateKeySigner,
) -> anyhow::Result<(PayerChannel, FileLock)> {
    let path = channel_lock_path(directory, channel);
    let lock = FileLock::take(&path).with_context(|| format!("locking {}", path.display()))?;
    let lock = lock.context("another process calls by this channel: wait for it")?;
    let journal = ChannelJournal::open(directory, channel)?.with_context(|| {
        format!(
            "{} holds no file of channel {channel}: only what opened it can pay from it",
            directory.display()
        )
    })?;
    Ok((PayerChannel::new(journal, key), lock))
}

/// The only channel that has a file in a directory.
///
/// # Errors
/// If there is none, or there are several.
pub fn only_channel(directory: &Path) -> anyhow::Result<B256> {
    let mut found: Option<B256> = None;
    let entries: Vec<PathBuf> = fs::read_dir(directory)
        .and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.path()))
                .collect()
        })
        .with_context(|| format!("reading {}", directory.display()))?;
    for path in entries {
        let Some(channel) = channel_of(&path) else {
            continue;
        };
        if found.replace(channel).is_some() {
            bail!(
                "{} holds files of several channels: name one by --channel",
                directory.display()
            );
        }
    }
    found.with_context(|| {
        format!(
            "{} holds no file of a channel: `openledger infer open` opens one",
            directory.display()
        )
    })
}

/// Locks more in a channel.
///
/// # Errors
/// A chain that refuses.
pub async fn top_up(sender: &mut Sender, channel: B256, amount: U256) -> anyhow::Result<Receipt> {
    let call = VoucherChannels::topUpCall { channel };
    let step = Step::call("locking more", VOUCHER_CHANNELS, &call).paying(amount);
    sender.send(step).await
}

/// Starts the payer's exit; answers from which second on the channel can be closed.
///
/// # Errors
/// A chain that refuses.
pub async fn start_exit(sender: &mut Sender, channel: B256) -> anyhow::Result<u64> {
    let call = VoucherChannels::startExitCall { channel };
    let step = Step::call("starting the exit", VOUCHER_CHANNELS, &call);
    let receipt = sender.send(step).await?;
    let event: VoucherChannels::ExitStarted = openledger_client::event(&receipt)?;
    Ok(event.closesAt)
}

/// Closes a channel; answers what its payer is credited, wei.
///
/// # Errors
/// A chain that refuses.
pub async fn close(sender: &mut Sender, channel: B256) -> anyhow::Result<u128> {
    let call = VoucherChannels::closeChannelCall { channel };
    let step = Step::call("closing the channel", VOUCHER_CHANNELS, &call);
    let receipt = sender.send(step).await?;
    let event: VoucherChannels::ChannelClosed = openledger_client::event(&receipt)?;
    Ok(event.rest)
}

/// A request with escrow that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct RequestTerms {
    /// The adapter.
    pub adapter: u64,
    /// Who is to serve it.
    pub worker: Address,
    /// Tokens of the prompt.
    pub tokens_in: u32,
    /// Most tokens out.
    pub tokens_out_max: u32,
    /// Hash of the prompt.
    pub prompt_hash: B256,
    /// Of the payer's choice, each once.
    pub nonce: U256,
}

/// What a request costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quote {
    /// Of all tokens that are allowed, wei.
    pub price: u128,
    /// What the worker asks for beside it, wei.
    pub platform_fee: u128,
}

impl Quote {
    /// The most that the request can cost, wei.
    pub fn escrow(&self) -> U256 {
        U256::from(self.price) + U256::from(self.platform_fee)
    }
}

/// What a request costs at present.
///
/// # Errors
/// An adapter that isn't offered, a worker that takes no requests, a node that doesn't answer.
pub async fn quote(node: &openledger_client::Node, terms: &RequestTerms) -> anyhow::Result<Quote> {
    let call = InferenceRouter::quoteCall {
        adapter: terms.adapter,
        worker: terms.worker,
        tokensIn: terms.tokens_in,
        tokensOutMax: terms.tokens_out_max,
    };
    let quote = node.ask(INFERENCE_ROUTER, call).await?;
    Ok(Quote {
        price: quote.price,
        platform_fee: quote.platformFee,
    })
}

/// Makes a request with so many wei of escrow.
///
/// # Errors
/// A chain that refuses.
pub async fn request(
    sender: &mut Sender,
    terms: &RequestTerms,
    escrow: U256,
) -> anyhow::Result<InferenceRouter::Requested> {
    let call = InferenceRouter::requestCall {
        adapter: terms.adapter,
        worker: terms.worker,
        tokensIn: terms.tokens_in,
        tokensOutMax: terms.tokens_out_max,
        promptHash: terms.prompt_hash,
        nonce: terms.nonce,
    };
    let step = Step::call("making the request", INFERENCE_ROUTER, &call).paying(escrow);
    let receipt = sender.send(step).await?;
    openledger_client::event(&receipt)
}

/// Has the payer of a request credited its escrow, after its deadline; answers how much, wei.
///
/// # Errors
/// A chain that refuses.
pub async fn refund(sender: &mut Sender, request_id: B256) -> anyhow::Result<u128> {
    let call = InferenceRouter::refundCall {
        requestId: request_id,
    };
    let step = Step::call("refunding the request", INFERENCE_ROUTER, &call);
    let receipt = sender.send(step).await?;
    let event: InferenceRouter::Refunded = openledger_client::event(&receipt)?;
    Ok(event.amount)
}

/// Says what a worker asks for a call, so that it takes requests and channels; `None`: it takes no requests any more.
///
/// # Errors
/// A chain that refuses.
pub async fn set_platform_fee(
    sender: &mut Sender,
    worker: Address,
    platform_fee: Option<u128>,
) -> anyhow::Result<Receipt> {
    let step = match platform_fee {
        Some(fee) => Step::call(
            "setting the platform fee",
            INFERENCE_ROUTER,
            &InferenceRouter::setPlatformFeeCall {
                worker,
                platformFee: fee,
            },
        ),
        None => Step::call(
            "taking the platform fee back",
            INFERENCE_ROUTER,
            &InferenceRouter::unsetPlatformFeeCall { worker },
        ),
    };
    sender.send(step).await
}

/// Refuses a sum above what the person wants to give.
pub(super) fn check_cost(cost: U256, max: Option<U256>) -> anyhow::Result<()> {
    if let Some(max) = max {
        ensure!(
            cost <= max,
            "it can cost {}, more than {} (--price-max)",
            open(cost),
            open(max)
        );
    }
    Ok(())
}
