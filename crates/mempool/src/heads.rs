use crate::{Ordering, PooledTransaction};
use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

/// The first pending transaction of a sender, with its place in the order of arrival.
#[derive(Debug, Clone)]
pub(crate) struct Head {
    pub(crate) tx: Arc<PooledTransaction>,
    pub(crate) place: u64,
}

/// Where a head stands: highest tip first (always zero when ordering by arrival), then place. The
/// sequence number makes it unique.
pub(crate) type HeadKey = (Reverse<u128>, u64, u64);

/// The heads of all senders, in the order in which they are to be executed.
///
/// `ready` holds those that pay the base fee, except that, ordering by arrival, some in it may have
/// ceased to since the base fee rose: they are moved when met. All in `blocked` don't pay it.
#[derive(Debug)]
pub(crate) struct Heads {
    order: Ordering,
    base_fee: u64,
    ready: BTreeMap<HeadKey, Head>,
    /// By fee cap and sequence number.
    blocked: BTreeMap<(u128, u64), Head>,
    /// Passed over until they are returned, by sequence number.
    aside: BTreeMap<u64, Head>,
}

impl Heads {
    pub(crate) const fn new(order: Ordering) -> Self {
        Self {
            order,
            base_fee: 0,
            ready: BTreeMap::new(),
            blocked: BTreeMap::new(),
            aside: BTreeMap::new(),
        }
    }

    /// The base fee that the heads were last ordered for.
    pub(crate) const fn base_fee(&self) -> u64 {
        self.base_fee
    }

    /// Where a head stands now; `None` if it doesn't pay the base fee.
    pub(crate) fn key(&self, tx: &PooledTransaction, place: u64) -> Option<HeadKey> {
        let tip = tx.effective_tip(self.base_fee)?;
        Some((Reverse(self.rank_tip(tip)), place, tx.sequence))
    }

    const fn rank_tip(&self, tip: u128) -> u128 {
        match self.order {
            Ordering::Arrival => 0,
            Ordering::PriorityFee => tip,
        }
    }

    pub(crate) fn insert(&mut self, head: Head) {
        match self.key(&head.tx, head.place) {
            Some(key) => {
                self.ready.insert(key, head);
            }
            None => {
                self.blocked
                    .insert((head.tx.max_fee_per_gas(), head.tx.sequence), head);
            }
        }
    }

    pub(crate) fn remove(&mut self, head: &Head) {
        // Ordering by arrival, the key is the same whether or not it pays: it may be unmoved.
        let key =
            self.key(&head.tx, head.place)
                .unwrap_or((Reverse(0), head.place, head.tx.sequence));
        if self.ready.remove(&key).is_some() || self.aside.remove(&head.tx.sequence).is_some() {
            return;
        }
        self.blocked
            .remove(&(head.tx.max_fee_per_gas(), head.tx.sequence));
    }

    /// Passes a head over until [`Heads::return_aside`].
    pub(crate) fn set_aside(&mut self, head: Head) {
        self.remove(&head);
        self.aside.insert(head.tx.sequence, head);
    }

    /// Puts back what was set aside.
    pub(crate) fn return_aside(&mut self) {
        for head in std::mem::take(&mut self.aside).into_values() {
            self.insert(head);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.ready.clear();
        self.blocked.clear();
        self.aside.clear();
    }

    /// Orders for another base fee. By arrival this costs as much as there are heads that now pay
    /// again; by priority fee every head's tip changes, so all are sorted anew.
    pub(crate) fn set_base_fee(&mut self, base_fee: u64) {
        if base_fee == self.base_fee {
            return;
        }
        let falls = base_fee < self.base_fee;
        self.base_fee = base_fee;
        match self.order {
            Ordering::Arrival if falls => {
                let paying = self.blocked.split_off(&(u128::from(base_fee), 0));
                paying.into_values().for_each(|head| self.insert(head));
            }
            Ordering::Arrival => {}
            Ordering::PriorityFee => {
                let ready = std::mem::take(&mut self.ready);
                let blocked = std::mem::take(&mut self.blocked);
                ready
                    .into_values()
                    .chain(blocked.into_values())
                    .for_each(|head| self.insert(head));
            }
        }
    }

    /// The head to be executed first.
    pub(crate) fn first(&mut self) -> Option<&Head> {
        while let Some(entry) = self.ready.first_entry() {
            if entry.get().tx.pays(self.base_fee) {
                break;
            }
            let head = entry.remove();
            self.insert(head);
        }
        self.ready.first_key_value().map(|(_, head)| head)
    }

    /// All that is ready, in order, with those that ceased to pay: the caller passes their keys to
    /// [`Heads::relocate`], so that they are met once.
    pub(crate) fn ready(&self) -> impl Iterator<Item = (&HeadKey, &Head)> {
        self.ready.iter()
    }

    /// Moves heads that ceased to pay out of the way.
    pub(crate) fn relocate(&mut self, keys: &[HeadKey]) {
        for key in keys {
            if let Some(head) = self.ready.remove(key) {
                self.insert(head);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, head: &Head) -> bool {
        let heads = self.ready.values().chain(self.blocked.values());
        heads
            .chain(self.aside.values())
            .filter(|known| known.place == head.place && Arc::ptr_eq(&known.tx, &head.tx))
            .count()
            == 1
    }

    #[cfg(test)]
    pub(crate) fn aside(&self) -> impl Iterator<Item = &Head> {
        self.aside.values()
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.ready.len() + self.blocked.len() + self.aside.len()
    }
}
