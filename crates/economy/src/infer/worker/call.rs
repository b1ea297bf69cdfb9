//! Calls of channels: offered, paid, answered.

use super::{
    CHANNELS_MAX, Channel, Content, Contents, Model, Refusal, Slot, Task, Worker, check, hold,
    on_disk,
};
use crate::infer::{
    ChannelJournal, ChannelView, SignedVoucher, TOKENS_IN_EXTRA,
    calls::{Call, CallsDirectory, CallsError, Header, Paid, Record, Replay},
    message::{Answer, CallRequest, Offer, OutputRequest},
};
use alloy_primitives::keccak256;
use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::OwnedMutexGuard;

impl<M: Model> Worker<M> {
    /// Runs the model for a call, and offers it for its price. The same request again gives the same offer.
    ///
    /// # Errors
    /// Why the call isn't served.
    pub async fn offer(&self, request: CallRequest) -> Result<Offer, Refusal> {
        let view = self.view(request.channel).await?;
        let header = check::check_request(&self.terms, &request, &view)?;
        self.check_active().await?;
        let prices = self.prices().await?;
        // A channel gets no place, and no file, for what it couldn't pay.
        check::check_affordable(&request, &Replay::new(header), &view, &prices)?;
        let channel = self.channel(header, &view).await?;
        let slot = channel.slot.clone();
        let slot = slot.try_lock_owned().map_err(|_| Refusal::UnderWay)?;
        check::check_next(&request, slot.journal.replay(), &view, &prices)?;
        if let Some(call) = slot.journal.replay().offered() {
            let is_same = call.prompt_hash == request.prompt_hash()
                && call.tokens_out <= request.tokens_out_max
                && prices.price(call.tokens_in, call.tokens_out) == Some(call.price);
            if is_same {
                return Ok(Offer {
                    channel: request.channel,
                    call: call.clone(),
                    expiry_min_seconds: self.terms.expiry_min_seconds,
                });
            }
            if let Some(seconds) = slot.unpaid_for(self.terms.unpaid) {
                return Err(Refusal::Unpaid {
                    number: call.number,
                    seconds,
                });
            }
        }
        let tokens_in_max = request.prompt.len().saturating_add(TOKENS_IN_EXTRA);
        let task = Task {
            adapter: self.terms.adapter,
            prompt: request.prompt,
            tokens_out_max: request.tokens_out_max,
        };
        let (content, answer) = self.run(task, tokens_in_max).await?;
        let price = prices.price(answer.tokens_in, answer.tokens_out);
        let call = Call {
            number: request.number,
            prompt_hash: keccak256(&content.prompt),
            output_hash: content.output_hash(),
            tokens_in: answer.tokens_in,
            tokens_out: answer.tokens_out,
            // Beyond 128 bits no lock suffices, which is checked next.
            price: price.unwrap_or(u128::MAX),
            sketches: answer.sketches,
        };
        check::check_offer(&self.terms, slot.journal.replay(), &call, &view)?;
        let (contents, offered) = (self.contents.clone(), call.clone());
        on_disk(move || offer_on_disk(slot, &contents, &content, offered)).await??;
        Ok(Offer {
            channel: request.channel,
            call,
            expiry_min_seconds: self.terms.expiry_min_seconds,
        })
    }

    /// Takes the voucher for the call that was offered, and gives the call's output. The newest voucher, signed again to be good for
    /// longer, gives it once more.
    ///
    /// # Errors
    /// Why the voucher isn't taken. One that was taken isn't again: the chain shows everybody those that were settled, and outputs are
    /// the payer's alone ([`Self::output`]).
    pub async fn accept(&self, signed: SignedVoucher) -> Result<Answer, Refusal> {
        let id = signed.voucher.channel;
        let channel = self
            .channel_if_any(id)
            .ok_or(Refusal::NothingOffered { count: 0 })?;
        let slot = channel.slot.clone();
        let mut slot = slot.try_lock_owned().map_err(|_| Refusal::UnderWay)?;
        let view = self.view(id).await?;
        check::check_voucher(&self.terms, slot.journal.replay(), &signed, &view)?;
        self.check_active().await?;
        let record = Record::Paid(Paid::of(&signed));
        slot = on_disk(move || -> Result<_, CallsError> {
            // The newest one again pays for no other call.
            if let Some(paid) = slot.journal.append(record)? {
                slot.last_paid = Some(paid);
                slot.offered_at = None;
            }
            Ok(slot)
        })
        .await??;
        {
            let mut owed = hold(&channel.owed);
            owed.voucher = Some(signed);
            if owed.count() > owed.settled {
                owed.since.get_or_insert_with(Instant::now);
            }
        }
        let (calls, contents) = (self.calls.clone(), self.contents.clone());
        on_disk(move || answer_from_disk(slot, &calls, &contents)).await?
    }

    /// Gives the output of the call that was paid last once more.
    ///
    /// # Errors
    /// Another call, or a key that isn't the payer's.
    pub async fn output(&self, request: OutputRequest) -> Result<Answer, Refusal> {
        let channel = self
            .channel_if_any(request.channel)
            .ok_or(Refusal::NothingOffered { count: 0 })?;
        let view = self.view(request.channel).await?;
        let signer = request.signer(self.terms.chain_id);
        if !signer.is_some_and(|signer| view.is_signer(signer)) {
            return Err(Refusal::NotSigned {
                payer: view.channel.payer,
            });
        }
        let slot = channel.slot.clone();
        let slot = slot.try_lock_owned().map_err(|_| Refusal::UnderWay)?;
        let count = slot.journal.replay().count();
        if count == 0 || request.number != count {
            return Err(Refusal::NothingOffered { count });
        }
        let (calls, contents) = (self.calls.clone(), self.contents.clone());
        on_disk(move || answer_from_disk(slot, &calls, &contents)).await?
    }

    /// A channel, begun if it is new.
    async fn channel(&self, header: Header, view: &ChannelView) -> Result<Arc<Channel>, Refusal> {
        if let Some(channel) = self.channel_if_any(header.channel) {
            return Ok(channel);
        }
        let _adding = self.adding.lock().await;
        if let Some(channel) = self.channel_if_any(header.channel) {
            return Ok(channel);
        }
        if hold(&self.channels).len() >= CHANNELS_MAX {
            return Err(Refusal::TooManyChannels { max: CHANNELS_MAX });
        }
        let calls = self.calls.clone();
        let journal = on_disk(
            move || match ChannelJournal::open(&calls, header.channel)? {
                Some(journal) => Ok(journal),
                None => ChannelJournal::create(&calls, header),
            },
        )
        .await??;
        let channel = Arc::new(Channel::new(journal, view.channel.counted));
        hold(&self.channels).insert(header.channel, channel.clone());
        Ok(channel)
    }
}

impl Slot {
    /// Seconds until the call that waits to be paid is given up; `None` if it is, or none waits.
    fn unpaid_for(&self, unpaid: Duration) -> Option<u64> {
        let waited = self.offered_at?.elapsed();
        Some(unpaid.checked_sub(waited)?.as_secs() + 1)
    }
}

/// Keeps what an offer is about, then the offer: a voucher for it can come as soon as it is answered.
fn offer_on_disk(
    mut slot: OwnedMutexGuard<Slot>,
    contents: &Contents,
    content: &Content,
    call: Call,
) -> Result<(), CallsError> {
    let header = *slot.journal.replay().header();
    let given_up = slot.journal.replay().offered();
    let given_up = given_up.map(|call| call.request_id(&header));
    let request_id = call.request_id(&header);
    contents.put(request_id, content)?;
    slot.journal.append(Record::Offered(call))?;
    slot.offered_at = Some(Instant::now());
    if let Some(given_up) = given_up.filter(|given_up| *given_up != request_id) {
        contents.forget(given_up);
    }
    Ok(())
}

/// The output of the call that the newest voucher pays for.
fn answer_from_disk(
    mut slot: OwnedMutexGuard<Slot>,
    calls: &Path,
    contents: &Contents,
) -> Result<Answer, Refusal> {
    let header = *slot.journal.replay().header();
    if slot.last_paid.is_none() {
        // An earlier process took the voucher.
        let channel = CallsDirectory::open(calls)?.channel(header.channel)?;
        slot.last_paid = channel.and_then(|mut channel| channel.calls.pop());
    }
    let call = slot
        .last_paid
        .as_ref()
        .ok_or(Refusal::NothingOffered { count: 0 })?;
    let request_id = call.request_id(&header);
    let content = contents
        .get(request_id)?
        .ok_or(Refusal::ContentGone { request_id })?;
    Ok(Answer {
        request_id,
        output: content.output,
        tokens_out: call.tokens_out,
    })
}
