//! A payer's side of a channel: what he checks before he signs.

use super::{
    Breach, ChannelJournal, ChannelView, Prices, SignedVoucher, Voucher,
    calls::{CallsError, Paid, Record, Replay},
    message::{CallRequest, MessageError, Offer, OutputRequest},
};
use alloy_primitives::{Address, B256, U256};
use alloy_signer_local::PrivateKeySigner;
use openledger_client::open;

/// Tokens that a prompt may have beyond one for each of its bytes: what a model's template puts around it.
pub const TOKENS_IN_EXTRA: usize = 256;

/// Why an offer isn't paid, or a voucher not signed.
#[derive(Debug, thiserror::Error)]
pub enum PayerError {
    /// The offer is for another channel, call or prompt.
    #[error(
        "the worker offers call {number} of channel {channel} for prompt {prompt_hash}: something else was asked for"
    )]
    OtherCall {
        /// Its channel.
        channel: B256,
        /// Its call.
        number: u64,
        /// Its prompt.
        prompt_hash: B256,
    },
    /// More tokens of the output than were allowed.
    #[error("the worker offers {given} tokens of output, and {max} were allowed")]
    TokensOut {
        /// What is offered.
        given: u32,
        /// What was allowed.
        max: u32,
    },
    /// More tokens than the prompt can have.
    #[error("the worker counts {given} tokens in the prompt, which can't have more than {max}")]
    TokensIn {
        /// What it counts.
        given: u32,
        /// One for each byte, and some.
        max: usize,
    },
    /// Not the market's price.
    #[error(
        "the worker asks {}, and these tokens cost {} by the market: if prices have just changed, call again",
        open(U256::from(*.asked)),
        open(U256::from(*.by_market))
    )]
    Price {
        /// What is asked, wei.
        asked: u128,
        /// What the market says, wei.
        by_market: u128,
    },
    /// More than the payer wants to give.
    #[error(
        "the call costs {} with the platform fee, more than {} (--price-max)",
        open(U256::from(*.cost)),
        open(U256::from(*.max))
    )]
    TooDear {
        /// The price and the platform fee, wei.
        cost: u128,
        /// The most, wei.
        max: u128,
    },
    /// The lock doesn't suffice.
    #[error(
        "all calls with this one cost {}, and {} are locked: `openledger infer top-up` locks more",
        open(*.cumulative),
        open(U256::from(*.locked))
    )]
    LockTooSmall {
        /// What would be owed, wei.
        cumulative: U256,
        /// What is locked, wei.
        locked: u128,
    },
    /// Another key than the channel's.
    #[error(
        "vouchers of this channel are signed by {payer}, or by the signer of its policy, not by {key}"
    )]
    OtherKey {
        /// Who opened the channel.
        payer: Address,
        /// Whose key is given.
        key: Address,
    },
    /// The voucher wouldn't be good for long enough.
    #[error(
        "the voucher would be good until second {expiry}, and the worker asks for {min} at least (--expiry-seconds)"
    )]
    ExpiresTooSoon {
        /// Its last second.
        expiry: u64,
        /// The least.
        min: u64,
    },
    /// The channel is closed or on its way there.
    #[error("the channel is closed or its exit has begun: open another one")]
    Closing,
    /// The voucher would break the payer's own policy, and cost its stake.
    #[error(
        "the voucher would break the payer's policy ({0}), and cost its whole stake as an agent"
    )]
    Breach(Breach),
    /// The voucher is another than the calls give.
    #[error(transparent)]
    Calls(#[from] CallsError),
    /// The message is malformed.
    #[error(transparent)]
    Message(#[from] MessageError),
    /// The key can't sign.
    #[error("the key can't sign: {0}")]
    Sign(#[from] alloy_signer::Error),
}

/// A channel that one pays for.
#[derive(Debug)]
pub struct PayerChannel {
    journal: ChannelJournal,
    key: PrivateKeySigner,
}

impl PayerChannel {
    /// A channel with the file that is kept of it, and the key that signs for it.
    pub const fn new(journal: ChannelJournal, key: PrivateKeySigner) -> Self {
        Self { journal, key }
    }

    /// The channel as its file leaves it.
    pub const fn replay(&self) -> &Replay {
        self.journal.replay()
    }

    /// Asks for the next call.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn request(&self, prompt: String, tokens_out_max: u32) -> Result<CallRequest, PayerError> {
        let replay = self.replay();
        Ok(CallRequest::new(
            &self.key,
            replay.header().chain_id,
            replay.header().channel,
            replay.count() + 1,
            prompt,
            tokens_out_max,
        )?)
    }

    /// Signs the voucher that pays for an offer. It is in the file before anybody gets it, so that no two vouchers are ever signed for
    /// the same number of calls.
    ///
    /// `view` is the channel as the chain has it, `prices` the adapter's, `cost_max` the most wei for the call with its platform
    /// fee, `expiry` the last second in which the voucher can be settled.
    ///
    /// # Errors
    /// What is wrong with the offer, or why no more can be spent. Then nothing was signed.
    pub fn pay(
        &mut self,
        request: &CallRequest,
        offer: Offer,
        view: &ChannelView,
        prices: &Prices,
        cost_max: u128,
        expiry: u64,
    ) -> Result<SignedVoucher, PayerError> {
        check_offer(self.replay(), request, &offer, prices, cost_max)?;
        self.check_key(view)?;
        let min = view.now.saturating_add(offer.expiry_min_seconds);
        if expiry < min {
            return Err(PayerError::ExpiresTooSoon { expiry, min });
        }
        let voucher = self
            .replay()
            .voucher_with(&offer.call, expiry)
            .map_err(|source| CallsError::Line {
                path: "the offer".into(),
                line: 1,
                source,
            })?;
        check_spending(view, &voucher)?;
        let signed = voucher.sign(&self.key, self.replay().header().chain_id)?;
        self.journal.append(Record::Offered(offer.call))?;
        self.journal.append(Record::Paid(Paid::of(&signed)))?;
        Ok(signed)
    }
}

impl PayerChannel {
    /// Asks again for the output of the call that was paid last.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn output_request(&self) -> Result<OutputRequest, PayerError> {
        let header = self.replay().header();
        let number = self.replay().count();
        let request = OutputRequest::new(&self.key, header.chain_id, header.channel, number);
        Ok(request?)
    }

    /// The newest voucher, signed again where it isn't good until `expiry`; `None` if there is none.
    ///
    /// # Errors
    /// A key that isn't the channel's, a file that can't be written.
    pub fn renew(
        &mut self,
        view: &ChannelView,
        expiry: u64,
    ) -> Result<Option<SignedVoucher>, PayerError> {
        if let Some(again) = self.replay().voucher_again(expiry) {
            self.check_key(view)?;
            let signed = again.sign(&self.key, self.replay().header().chain_id)?;
            self.journal.append(Record::Paid(Paid::of(&signed)))?;
        }
        Ok(self.replay().voucher())
    }

    fn check_key(&self, view: &ChannelView) -> Result<(), PayerError> {
        let key = self.key.address();
        if !view.is_signer(key) {
            return Err(PayerError::OtherKey {
                payer: view.channel.payer,
                key,
            });
        }
        Ok(())
    }
}

/// Whether an offer is for what was asked, at the market's price.
fn check_offer(
    replay: &Replay,
    request: &CallRequest,
    offer: &Offer,
    prices: &Prices,
    cost_max: u128,
) -> Result<(), PayerError> {
    let call = &offer.call;
    let is_asked = offer.channel == request.channel
        && request.channel == replay.header().channel
        && call.number == request.number
        && call.prompt_hash == request.prompt_hash();
    if !is_asked {
        return Err(PayerError::OtherCall {
            channel: offer.channel,
            number: call.number,
            prompt_hash: call.prompt_hash,
        });
    }
    if call.tokens_out > request.tokens_out_max {
        return Err(PayerError::TokensOut {
            given: call.tokens_out,
            max: request.tokens_out_max,
        });
    }
    let tokens_in_max = request.prompt.len().saturating_add(TOKENS_IN_EXTRA);
    if usize::try_from(call.tokens_in).is_ok_and(|tokens| tokens > tokens_in_max) {
        return Err(PayerError::TokensIn {
            given: call.tokens_in,
            max: tokens_in_max,
        });
    }
    let by_market = prices.price(call.tokens_in, call.tokens_out);
    if by_market != Some(call.price) {
        return Err(PayerError::Price {
            asked: call.price,
            by_market: by_market.unwrap_or(u128::MAX),
        });
    }
    let cost = call.price.saturating_add(replay.header().platform_fee);
    if cost > cost_max {
        return Err(PayerError::TooDear {
            cost,
            max: cost_max,
        });
    }
    Ok(())
}

/// Whether the chain would pay a voucher, and the payer may sign it.
fn check_spending(view: &ChannelView, voucher: &Voucher) -> Result<(), PayerError> {
    if view.channel.closed || view.channel.closesAt != 0 {
        return Err(PayerError::Closing);
    }
    let locked = view.channel.locked;
    if voucher.cumulative > U256::from(locked) {
        return Err(PayerError::LockTooSmall {
            cumulative: voucher.cumulative,
            locked,
        });
    }
    view.breach(voucher)
        .map_or(Ok(()), |breach| Err(PayerError::Breach(breach)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::{
        Policy,
        calls::{Call, Header, VERSION},
        chain::Channel,
    };
    use alloy_primitives::keccak256;

    const PRICES: Prices = Prices {
        price_in: 1_000,
        price_out: 2_000,
    };
    const FEE: u128 = 5;

    fn channel(directory: &std::path::Path) -> PayerChannel {
        let key = PrivateKeySigner::random();
        let header = Header {
            version: VERSION,
            chain_id: 1,
            channel: B256::repeat_byte(1),
            payer: key.address(),
            payee: Address::repeat_byte(3),
            adapter: 4,
            platform_fee: FEE,
        };
        PayerChannel::new(ChannelJournal::create(directory, header).unwrap(), key)
    }

    fn view(payer: Address, locked: u128, policy: Option<Policy>) -> ChannelView {
        ChannelView {
            channel: Channel {
                payer,
                adapter: 4,
                policyVersion: u32::from(policy.is_some()),
                payee: Address::repeat_byte(3),
                counted: 0,
                closed: false,
                locked,
                paid: 0,
                platformFee: FEE,
                openedAt: 50,
                closesAt: 0,
            },
            policy,
            now: 60,
        }
    }

    fn offer(request: &CallRequest) -> Offer {
        Offer {
            channel: request.channel,
            call: Call {
                number: request.number,
                prompt_hash: request.prompt_hash(),
                output_hash: keccak256("output"),
                tokens_in: 3,
                tokens_out: 10,
                price: 23,
                sketches: Vec::new(),
            },
            expiry_min_seconds: 39,
        }
    }

    #[test]
    fn calls_are_paid_one_after_the_other() {
        let directory = tempfile::tempdir().unwrap();
        let mut channel = channel(directory.path());
        let payer = channel.key.address();
        for number in 1..=3u64 {
            let request = channel.request("prompt".to_owned(), 10).unwrap();
            assert_eq!(request.number, number);
            let view = view(payer, 1_000, None);
            let signed = channel
                .pay(&request, offer(&request), &view, &PRICES, 28, 99)
                .unwrap();
            assert_eq!(signed.voucher.cumulative, U256::from(28 * number));
            assert_eq!(signed.voucher.count, number);
            assert_eq!(signed.signer(1), Some(channel.key.address()));
            assert_eq!(channel.replay().voucher(), Some(signed));
        }
    }

    #[test]
    fn what_wasn_t_asked_for_isn_t_paid() {
        let directory = tempfile::tempdir().unwrap();
        let mut channel = channel(directory.path());
        let payer = channel.key.address();
        let request = channel.request("prompt".to_owned(), 10).unwrap();
        let good = offer(&request);
        let mut pay = |change: &dyn Fn(&mut Offer), locked: u128, cost_max: u128| {
            let mut offer = good.clone();
            change(&mut offer);
            let outcome = channel.pay(
                &request,
                offer,
                &view(payer, locked, None),
                &PRICES,
                cost_max,
                99,
            );
            assert!(outcome.is_err() || locked == 28);
            outcome.map_err(|error| format!("{error:?}"))
        };
        for (change, name) in [
            (
                &(|offer: &mut Offer| offer.channel = B256::ZERO) as &dyn Fn(&mut Offer),
                "OtherCall",
            ),
            (&|offer| offer.call.number += 1, "OtherCall"),
            (&|offer| offer.call.prompt_hash = B256::ZERO, "OtherCall"),
            (&|offer| offer.call.tokens_out = 11, "TokensOut"),
            (&|offer| offer.call.tokens_in = 263, "TokensIn"),
            (&|offer| offer.call.price = 24, "Price"),
            (&|offer| offer.call.price = 22, "Price"),
            (&|offer| offer.call.tokens_in = 4, "Price"),
        ] {
            let error = pay(change, 1_000, 1_000).unwrap_err();
            assert!(error.starts_with(name), "{error}");
        }
        assert!(pay(&|_| {}, 1_000, 27).unwrap_err().starts_with("TooDear"));
        assert!(
            pay(&|_| {}, 27, 28)
                .unwrap_err()
                .starts_with("LockTooSmall")
        );
        // Another's key, and a voucher that the worker wouldn't take.
        let outcome = channel.pay(
            &request,
            good.clone(),
            &view(Address::ZERO, 1_000, None),
            &PRICES,
            28,
            99,
        );
        assert!(matches!(outcome, Err(PayerError::OtherKey { .. })));
        let outcome = channel.pay(
            &request,
            good.clone(),
            &view(payer, 1_000, None),
            &PRICES,
            28,
            98,
        );
        assert!(matches!(
            outcome,
            Err(PayerError::ExpiresTooSoon {
                expiry: 98,
                min: 99
            })
        ));
        // None of that was signed.
        let lent = view(payer, 28, None);
        let signed = channel.pay(&request, good, &lent, &PRICES, 28, 99).unwrap();
        // The same is signed again, good for longer.
        assert_eq!(channel.renew(&lent, 99).unwrap(), Some(signed.clone()));
        let again = channel.renew(&lent, 100).unwrap().unwrap();
        assert_eq!(
            again.voucher,
            Voucher {
                expiry: 100,
                ..signed.voucher
            }
        );
        assert_eq!(channel.replay().voucher(), Some(again));
        assert!(matches!(
            channel.renew(&view(Address::ZERO, 28, None), 101),
            Err(PayerError::OtherKey { .. })
        ));
    }

    #[test]
    fn a_closing_channel_and_a_policy_hold_the_payer_back() {
        let directory = tempfile::tempdir().unwrap();
        let mut channel = channel(directory.path());
        let payer = channel.key.address();
        let request = channel.request("prompt".to_owned(), 10).unwrap();
        let mut exiting = view(payer, 1_000, None);
        exiting.channel.closesAt = 70;
        let outcome = channel.pay(&request, offer(&request), &exiting, &PRICES, 28, 99);
        assert!(matches!(outcome, Err(PayerError::Closing)));
        let mut closed = view(payer, 1_000, None);
        closed.channel.closed = true;
        let outcome = channel.pay(&request, offer(&request), &closed, &PRICES, 28, 99);
        assert!(matches!(outcome, Err(PayerError::Closing)));
        let mut policy = Policy {
            call_max: 27,
            channel_max: 1_000,
            day_max: 1_000,
            signer: Address::ZERO,
            adapters: Vec::new(),
            payees: Vec::new(),
        };
        let outcome = channel.pay(
            &request,
            offer(&request),
            &view(payer, 1_000, Some(policy.clone())),
            &PRICES,
            28,
            99,
        );
        assert!(matches!(outcome, Err(PayerError::Breach(Breach::Call))));
        policy.call_max = 28;
        let view = view(payer, 1_000, Some(policy));
        channel
            .pay(&request, offer(&request), &view, &PRICES, 28, 99)
            .unwrap();
    }
}
