//! Transactions from users.

use crate::{
    api::Api,
    error::Failure,
    params::{Number, Params},
    registry::{Methods, Outcome, Run},
    reply::Reply,
};
use alloy_primitives::{B256, Bytes};
use futures::future::BoxFuture;
use openledger_chain::{ChainEvent, PreconfirmedTransaction, Submission, SubmitError};
use openledger_mempool::{RecoveredTransaction, decode_all};
use std::{sync::Arc, time::Duration};
use tokio::sync::broadcast::{Receiver, error::RecvError};

pub(super) const METHODS: Methods = &[
    ("eth_sendRawTransaction", Run::Send),
    (
        "eth_sendRawTransactionSync",
        Run::Async(send_raw_transaction_sync),
    ),
];

/// How often a transaction that waits is looked for when events were lost.
const LOST_EVENTS_RETRY: Duration = Duration::from_millis(20);

fn raw(params: &Params) -> Result<Bytes, Failure> {
    params.args(&["transaction"])?.get(0)
}

fn hash(hash: B256) -> Outcome {
    let mut json = Vec::with_capacity(68);
    json.push(b'"');
    json.extend_from_slice(hash.to_string().as_bytes());
    json.push(b'"');
    Ok(Reply::json(json))
}

/// Recovering the sender takes tens of microseconds: less than a change of threads and back is worth.
pub(crate) fn send_raw_transaction(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let sequencer = api.sequencer()?;
        let transaction = RecoveredTransaction::decode(&raw(&params)?)?;
        let sent = transaction.hash;
        in_time(&params, sequencer.submit(transaction)).await??;
        hash(sent)
    })
}

/// Waits for the sequencer no longer than a request may take.
async fn in_time<T>(params: &Params, future: impl Future<Output = T>) -> Result<T, Failure> {
    let deadline = params.deadline;
    tokio::time::timeout_at(deadline.instant().into(), future)
        .await
        .map_err(|_| deadline.failure())
}

/// The `eth_sendRawTransaction`s of a batch: recovered on all cores, submitted in order.
pub(crate) async fn send_many(api: &Arc<Api>, params: Vec<Params>) -> Vec<Outcome> {
    let sequencer = match &api.sequencer {
        Some(sequencer) => sequencer.clone(),
        None => return params.iter().map(|_| Err(Failure::NoSequencer)).collect(),
    };
    let count = params.len();
    let recovered = tokio::task::spawn_blocking(move || {
        let mut outcomes: Vec<Result<RecoveredTransaction, Failure>> = Vec::new();
        let mut bytes = Vec::with_capacity(params.len());
        // Malformed ones keep their place.
        let read: Vec<Option<Failure>> = params
            .iter()
            .map(|params| match raw(params) {
                Ok(raw) => {
                    bytes.push(raw);
                    None
                }
                Err(failure) => Some(failure),
            })
            .collect();
        let mut decoded = decode_all(&bytes).into_iter();
        for failure in read {
            outcomes.push(match failure {
                Some(failure) => Err(failure),
                // As many as were pushed.
                None => match decoded.next() {
                    Some(decoded) => decoded.map_err(Failure::from),
                    None => break,
                },
            });
        }
        outcomes
    });
    let recovered = match recovered.await {
        Ok(recovered) => recovered,
        Err(error) => {
            tracing::error!(%error, "recovery of senders failed");
            return (0..count)
                .map(|_| Err(Failure::Unavailable("recovery failed")))
                .collect();
        }
    };
    let mut transactions = Vec::with_capacity(count);
    let places: Vec<Result<B256, Failure>> = recovered
        .into_iter()
        .map(|recovered| {
            recovered.map(|transaction| {
                let hash = transaction.hash;
                transactions.push(transaction);
                hash
            })
        })
        .collect();
    let mut submitted = sequencer.submit_many(transactions).await.into_iter();
    places
        .into_iter()
        .map(|place| {
            let sent = place?;
            match submitted.next() {
                Some(submitted) => {
                    submitted?;
                    hash(sent)
                }
                None => Err(Failure::Submit(SubmitError::Stopped)),
            }
        })
        .collect()
}

/// EIP-7966: answers when the transaction is executed, with its preconfirmed receipt.
fn send_raw_transaction_sync(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let args = params.args(&["transaction", "timeout"])?;
        let raw: Bytes = args.get(0)?;
        let limits = &api.config.limits;
        let timeout = match args.optional(1)? {
            Some(Number(millis)) => Duration::from_millis(millis).min(limits.sync_timeout_max),
            None => limits.sync_timeout,
        };
        let sequencer = api.sequencer()?;
        let transaction = RecoveredTransaction::decode(&raw)?;
        refuse_gap(&api, &transaction)?;
        let hash = transaction.hash;
        // Subscribed before submission, so that nothing is missed.
        let events = api.chain.subscribe();
        match sequencer.submit(transaction).await? {
            Submission::Preconfirmed(preconfirmed) => api.preconfirmed_receipt(&preconfirmed),
            Submission::Pooled => {
                let millis = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
                match tokio::time::timeout(timeout, wait(&api, hash, events)).await {
                    Ok(found) => api.preconfirmed_receipt(&*found?),
                    Err(_) if is_executable(&api, &hash) => {
                        Err(Failure::SyncTimeout { hash, millis })
                    }
                    Err(_) => Err(Failure::SyncUnready { hash }),
                }
            }
        }
    })
}

/// A transaction that leaves a gap would wait for another: it is refused with the nonce to use.
fn refuse_gap(api: &Api, transaction: &RecoveredTransaction) -> Result<(), Failure> {
    let state = api.state(crate::block_id::BlockId::Pending)?;
    let expected = super::state::next_nonce(api, transaction.sender, &state)?;
    let nonce = transaction.nonce();
    if nonce > expected {
        return Err(Failure::SyncNonceGap { nonce, expected });
    }
    Ok(())
}

/// Whether the transaction could have been executed, had there been time: it pays the base fee, and
/// blocks are being built.
fn is_executable(api: &Api, hash: &B256) -> bool {
    let base_fee = api
        .open_block()
        .and_then(|open| open.header.base_fee_per_gas);
    let active = api
        .sequencer
        .as_ref()
        .is_some_and(|sequencer| sequencer.is_active());
    let pooled = api.mempool().and_then(|pool| pool.get(hash));
    active && pooled.is_none_or(|pooled| pooled.pays(base_fee.unwrap_or_default()))
}

/// Waits until a transaction of the pool is executed.
async fn wait(
    api: &Api,
    hash: B256,
    mut events: Receiver<ChainEvent>,
) -> Result<Arc<PreconfirmedTransaction>, Failure> {
    loop {
        // It may have been executed between submission and now, or while events were lost.
        if let Some(open) = api.open_block()
            && let Some(found) = open.transaction(&hash)
        {
            return Ok(found.clone());
        }
        match events.recv().await {
            Ok(ChainEvent::Preconfirmed(transactions)) => {
                if let Some(found) = transactions.iter().find(|found| found.hash == hash) {
                    return Ok(found.clone());
                }
            }
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => tokio::time::sleep(LOST_EVENTS_RETRY).await,
            Err(RecvError::Closed) => return Err(Failure::Submit(SubmitError::Stopped)),
        }
    }
}
