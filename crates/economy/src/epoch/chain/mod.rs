//! What the chain says of an adapter's epochs: events in order, the data of transactions, and the state.
//!
//! Everything that a settlement follows from is in events, transactions and precompiles' state that never
//! changes, so that an epoch can be settled again from them at any later time, without the states of blocks
//! long past. A node can leave events out or make them up: whoever verifies for others asks his own.

mod adapter;
mod contributors;
mod data;
mod fees;
mod payments;
mod proposals;
mod royalties;

pub use adapter::Adapter;
pub use contributors::{ClusterFacts, DatanetFacts, Outcome, Rejections};
pub(super) use data::proposed;
pub use data::{TraceArgs, paid_result, proposed_scores};
pub use fees::{Closing, Fees, RecordedFee, Split};
pub use payments::{EpochPayments, PaidCluster, PaidRoyalty, Payments};
pub use proposals::{Ending, Proposal, proposals};
pub use royalties::{Parameter, Payees};

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent;
use anyhow::{Context, ensure};
use openledger_client::View;
use serde::Serialize;

/// Where an event is on the chain, in its order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Its block.
    pub block: u64,
    /// Which of the block's logs it is.
    pub index: u64,
}

/// An event, with its place and transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<E> {
    /// Where it is.
    pub place: Place,
    /// The transaction.
    pub transaction: B256,
    /// What it says.
    pub event: E,
}

/// A number as a topic.
pub(crate) fn topic(number: impl TryInto<U256>) -> Option<B256> {
    number
        .try_into()
        .ok()
        .map(|number: U256| B256::from(number))
}

/// All events of a kind up to the view's block, in order, whose indexed arguments begin with these.
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't such events in order.
pub(crate) async fn events<E: SolEvent>(
    view: &View,
    contract: Address,
    arguments: &[Option<B256>],
) -> anyhow::Result<Vec<Found<E>>> {
    events_from(view, contract, arguments, 0).await
}

/// The same from a block on.
///
/// # Errors
/// As [`events`].
pub(crate) async fn events_from<E: SolEvent>(
    view: &View,
    contract: Address,
    arguments: &[Option<B256>],
    first: u64,
) -> anyhow::Result<Vec<Found<E>>> {
    let topics = [&[Some(E::SIGNATURE_HASH)], arguments].concat();
    let logs = view.logs(contract, &topics, first).await?;
    let mut found: Vec<Found<E>> = Vec::with_capacity(logs.len());
    for log in logs {
        let place = Place {
            block: log.block_number.context("a log without a block")?,
            index: log.log_index.context("a log without a number")?,
        };
        let event = E::decode_log(&log.inner)
            .with_context(|| format!("the node's log at {place:?} is no {}", E::SIGNATURE))?;
        let is_next = found.last().is_none_or(|last| last.place < place);
        ensure!(
            event.address == contract && is_next && place.block <= view.block.number,
            "the node gives a log at {place:?} that wasn't asked for, or out of order"
        );
        found.push(Found {
            place,
            transaction: log
                .transaction_hash
                .context("a log without a transaction")?,
            event: event.data,
        });
    }
    Ok(found)
}

/// What a contract answers in the view's state.
///
/// # Errors
/// A node that doesn't answer, a contract that refuses.
pub(crate) async fn ask<C: alloy_sol_types::SolCall>(
    view: &View,
    contract: Address,
    call: C,
) -> anyhow::Result<C::Return> {
    use openledger_client::{Answer, describe};
    match view.call(contract, call.abi_encode().into()).await? {
        Answer::Returned(data) => C::abi_decode_returns(&data)
            .with_context(|| format!("{contract} doesn't answer {} as it should", C::SIGNATURE)),
        Answer::Reverted(data) => {
            anyhow::bail!("{contract} refuses {}: {}", C::SIGNATURE, describe(&data))
        }
    }
}
