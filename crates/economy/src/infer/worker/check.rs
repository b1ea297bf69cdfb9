//! What a worker checks before it computes, and before it takes a voucher. Pure.

use super::{Refusal, Terms};
use crate::infer::{
    ChannelView, Prices, SignedVoucher, TOKENS_IN_EXTRA,
    calls::{CALLS_MAX, Call, Header, Replay, VERSION},
    message::{CallRequest, PROMPT_BYTES_MAX},
};
use alloy_primitives::{B256, U256};

/// Seconds that a channel whose payer leaves must stay open for a voucher of it to be taken: settling takes a block or two.
const SETTLE_SECONDS_MIN: u64 = 5;

/// Whether a channel is one that this worker serves, and its payer asks for the call. Answers what its file begins with.
pub(super) fn check_request(
    terms: &Terms,
    request: &CallRequest,
    view: &ChannelView,
) -> Result<Header, Refusal> {
    check_prompt(&request.prompt)?;
    if request.tokens_out_max > terms.tokens_out_max {
        return Err(Refusal::TooManyTokens {
            given: request.tokens_out_max,
            max: terms.tokens_out_max,
        });
    }
    let header = check_channel(terms, request.channel, view)?;
    if view.channel.closesAt != 0 {
        return Err(Refusal::ChannelClosing);
    }
    let signer = request.signer(terms.chain_id);
    if !signer.is_some_and(|signer| view.is_signer(signer)) {
        return Err(Refusal::NotSigned {
            payer: view.channel.payer,
        });
    }
    Ok(header)
}

pub(super) fn check_prompt(prompt: &str) -> Result<(), Refusal> {
    if prompt.len() > PROMPT_BYTES_MAX {
        return Err(Refusal::PromptTooLong {
            length: prompt.len(),
            max: PROMPT_BYTES_MAX,
        });
    }
    Ok(())
}

fn check_channel(terms: &Terms, channel: B256, view: &ChannelView) -> Result<Header, Refusal> {
    if !view.exists() {
        return Err(Refusal::UnknownChannel { channel });
    }
    let known = &view.channel;
    if known.payee != terms.worker {
        return Err(Refusal::OtherPayee {
            payee: known.payee,
            worker: terms.worker,
        });
    }
    if known.adapter != terms.adapter {
        return Err(Refusal::OtherAdapter {
            given: known.adapter,
            served: terms.adapter,
        });
    }
    if known.platformFee < terms.platform_fee {
        return Err(Refusal::PlatformFeeTooLow {
            given: known.platformFee,
            min: terms.platform_fee,
        });
    }
    if known.closed {
        return Err(Refusal::ChannelClosing);
    }
    Ok(Header {
        version: VERSION,
        chain_id: terms.chain_id,
        channel,
        payer: known.payer,
        payee: known.payee,
        adapter: known.adapter,
        platform_fee: known.platformFee,
    })
}

/// Whether a call is the next, and its payer could pay for it.
pub(super) fn check_next(
    request: &CallRequest,
    replay: &Replay,
    view: &ChannelView,
    prices: &Prices,
) -> Result<(), Refusal> {
    let next = replay.count() + 1;
    if request.number != next {
        return Err(Refusal::NotNext {
            given: request.number,
            next,
        });
    }
    if next > CALLS_MAX {
        return Err(Refusal::ChannelFull);
    }
    check_affordable(request, replay, view, prices)
}

/// Whether a channel's payer could pay whatever one more call comes to: a token in for each byte of the prompt and some, and all tokens
/// out.
pub(super) fn check_affordable(
    request: &CallRequest,
    replay: &Replay,
    view: &ChannelView,
    prices: &Prices,
) -> Result<(), Refusal> {
    let tokens_in = request.prompt.len().saturating_add(TOKENS_IN_EXTRA);
    let most = prices
        .price(
            u32::try_from(tokens_in).unwrap_or(u32::MAX),
            request.tokens_out_max,
        )
        .unwrap_or(u128::MAX);
    let fee = replay.header().platform_fee;
    let cumulative = replay.cumulative() + U256::from(most) + U256::from(fee);
    check_lock(cumulative, view)
}

fn check_lock(cumulative: U256, view: &ChannelView) -> Result<(), Refusal> {
    let locked = view.channel.locked;
    if cumulative > U256::from(locked) {
        return Err(Refusal::LockTooSmall { cumulative, locked });
    }
    Ok(())
}

/// Whether an offer can be paid within the payer's policy, as far as that shows before the payer signs.
pub(super) fn check_offer(
    terms: &Terms,
    replay: &Replay,
    call: &Call,
    view: &ChannelView,
) -> Result<(), Refusal> {
    let expiry = view.now.saturating_add(terms.expiry_min_seconds);
    let voucher = replay.voucher_with(call, expiry).map_err(fault)?;
    check_lock(voucher.cumulative, view)?;
    view.breach(&voucher)
        .map_or(Ok(()), |breach| Err(Refusal::Policy(breach)))
}

/// Whether a voucher pays for the call that is offered, or is the newest one again and good for longer, and the chain would pay it.
pub(super) fn check_voucher(
    terms: &Terms,
    replay: &Replay,
    signed: &SignedVoucher,
    view: &ChannelView,
) -> Result<(), Refusal> {
    let voucher = &signed.voucher;
    let expected = match (replay.paid(), replay.offered()) {
        (Some(newest), _) if newest.count == voucher.count => {
            let again = replay.voucher_again(voucher.expiry);
            again.ok_or(Refusal::AlreadyPaid {
                count: newest.count,
            })?
        }
        (_, Some(call)) => replay.voucher_with(call, voucher.expiry).map_err(fault)?,
        (_, None) => {
            return Err(Refusal::NothingOffered {
                count: replay.count(),
            });
        }
    };
    if (voucher.payer, voucher.payee) != (expected.payer, expected.payee) {
        return Err(Refusal::OtherAccounts);
    }
    if *voucher != expected {
        return Err(Refusal::OtherVoucher {
            given_count: voucher.count,
            given: voucher.cumulative,
            given_root: voucher.leaves_root,
            count: expected.count,
            expected: expected.cumulative,
            root: expected.leaves_root,
        });
    }
    check_channel(terms, voucher.channel, view)?;
    // What is on its way to its end is still paid, if there is time to settle it.
    let closes_at = view.channel.closesAt;
    if closes_at != 0 && view.now.saturating_add(SETTLE_SECONDS_MIN) >= closes_at {
        return Err(Refusal::ChannelClosing);
    }
    let min = view.now.saturating_add(terms.expiry_min_seconds);
    if voucher.expiry < min {
        return Err(Refusal::ExpiresTooSoon {
            expiry: voucher.expiry,
            min,
        });
    }
    check_lock(voucher.cumulative, view)?;
    if let Some(breach) = view.breach(voucher) {
        return Err(Refusal::Policy(breach));
    }
    let signer = signed.signer(terms.chain_id);
    if !signer.is_some_and(|signer| view.is_signer(signer)) {
        return Err(Refusal::NotSigned {
            payer: view.channel.payer,
        });
    }
    Ok(())
}

/// What the worker itself made wrong: it offers only what can be paid.
fn fault(fault: crate::infer::calls::Fault) -> Refusal {
    Refusal::Files(crate::infer::calls::CallsError::Line {
        path: "an offer".into(),
        line: 1,
        source: fault,
    })
}

#[cfg(test)]
mod tests;
