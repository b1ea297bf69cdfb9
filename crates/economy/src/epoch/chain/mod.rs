//! What the chain says of an adapter's epochs: events in order, the data of transactions, and the state.
//!
//! Everything that a settlement follows from is in events, transactions and precompiles' state that never
//! changes, so that an epoch can be settled again from them at any later time, without the states of blocks
//! long past. A node can leave events out or make them up: whoever verifies for others asks his own.

mod adapter;
mod contributors;
mod data;
mod draws;
mod fees;
mod holders;
mod listed;
mod payments;
mod proposals;
mod royalties;

pub use adapter::Adapter;
pub use contributors::{ClusterFacts, DatanetFacts, Rejections};
pub(super) use data::proposed;
pub use data::{TraceArgs, paid_result, proposed_scores};
pub(crate) use draws::draws;
pub use fees::{Fees, RecordedFee, Split};
pub use holders::Holders;
pub(crate) use listed::listed;
pub use payments::{EpochPayments, PaidCluster, PaidRoyalty, Payments};
pub use proposals::{Ending, Proposal, proposals};
pub use royalties::{Parameter, Payees};

use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolEvent;
use anyhow::{Context, ensure};
use openledger_client::View;
use serde::Serialize;
use std::ops::RangeInclusive;

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

/// Most events that [`events`] collects.
const EVENTS_MAX: usize = 1 << 20;

/// All events of a kind up to the view's block, in order, whose indexed arguments begin with these: for kinds of which there are few.
/// Those that grow with what is paid are folded by [`visit_events`].
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't such events in order; more than 2^20.
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
    let mut all = Vec::new();
    visit_events(view, contract, arguments, first..=u64::MAX, |found| {
        ensure!(
            all.len() < EVENTS_MAX,
            "there are more than {EVENTS_MAX} events {}",
            E::SIGNATURE
        );
        all.push(found);
        Ok(())
    })
    .await?;
    Ok(all)
}

/// Shows `visit` every event of a kind in these blocks, up to the view's, in order, whose indexed arguments begin with these, however many
/// they are.
///
/// # Errors
/// A node that doesn't answer, or whose logs aren't such events in order; what `visit` answers.
pub(crate) async fn visit_events<E: SolEvent>(
    view: &View,
    contract: Address,
    arguments: &[Option<B256>],
    blocks: RangeInclusive<u64>,
    mut visit: impl FnMut(Found<E>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let topics = [&[Some(E::SIGNATURE_HASH)], arguments].concat();
    let mut last: Option<Place> = None;
    view.visit_logs(contract, &topics, blocks, |log| {
        let place = Place {
            block: log.block_number.context("a log without a block")?,
            index: log.log_index.context("a log without a number")?,
        };
        let event = E::decode_log(&log.inner)
            .with_context(|| format!("the node's log at {place:?} is no {}", E::SIGNATURE))?;
        ensure!(
            last.is_none_or(|last| last < place),
            "the node gives a log at {place:?} out of order"
        );
        last = Some(place);
        visit(Found {
            place,
            transaction: log
                .transaction_hash
                .context("a log without a transaction")?,
            event: event.data,
        })
    })
    .await
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
