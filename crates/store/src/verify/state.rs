use super::{Difference, Progress, VerifyReport};
use crate::{
    codec,
    column::Column,
    error::StoreError,
    keys,
    snapshot::Snapshot,
    state::{LatestState, decode_account, decode_word},
};
use alloy_primitives::{Address, B256, keccak256};
use alloy_trie::{HashBuilder, Nibbles};
use openledger_primitives::{EMPTY_ROOT_HASH, NodeReader};
use openledger_trie::{
    LeafValue, NodeView, RefView, account_leaf_value, decode_account_leaf_value, storage_leaf_value,
};

/// Leaves sorted in memory at a time, about 150 bytes each: a larger trie takes several passes.
const LEAVES_MAX: u64 = 250_000;

/// Checks the latest state.
pub(super) fn verify(
    latest: &LatestState,
    report: &mut VerifyReport,
    progress: &mut Progress<'_>,
) -> Result<Option<Difference>, StoreError> {
    let view = latest.view();
    let snapshot = &view.snapshot;
    let head = view.chain()?.head.number;
    let column = Column::Headers.name();
    let header = view.header(head)?.ok_or(StoreError::MissingRecord {
        column,
        number: head,
    })?;

    let mut difference = None;
    let accounts = count(snapshot, Column::Accounts, &[])?;
    let found = hashed_root(accounts, |leaf| {
        snapshot.for_each_with_prefix(Column::Accounts, &[], |key, record| {
            let malformed = StoreError::MalformedRecord {
                column: Column::Accounts.name(),
            };
            let address = Address::try_from(key).map_err(|_| malformed)?;
            let account = decode_account(record, Column::Accounts)?;
            if !leaf(keccak256(address), &|| account_leaf_value(&account)) {
                return Ok(true);
            }
            // Each account is a leaf of exactly one pass.
            report.accounts += 1;
            progress.step();
            let found = storage_root(snapshot, address, report, progress)?;
            let expected = account.storage_root;
            if found != expected {
                difference = Some(Difference::StorageRoot {
                    address,
                    expected,
                    found,
                });
            }
            Ok(difference.is_none())
        })
    })?;
    if difference.is_some() {
        return Ok(difference);
    }
    let expected = header.state_root;
    if found != expected {
        return Ok(Some(Difference::StateRoot { expected, found }));
    }
    let found = count(snapshot, Column::Storage, &[])?;
    if found != report.slots {
        return Ok(Some(Difference::OrphanSlots {
            expected: report.slots,
            found,
        }));
    }

    if let Some(difference) = walk(latest, None, expected, report, progress)? {
        return Ok(Some(difference));
    }
    let found = count(snapshot, Column::Trie, &[])?;
    let expected = report.nodes;
    Ok((found != expected).then_some(Difference::StaleNodes { expected, found }))
}

fn count(snapshot: &Snapshot, column: Column, prefix: &[u8]) -> Result<u64, StoreError> {
    let mut count = 0;
    snapshot.for_each_with_prefix(column, prefix, |_, _| {
        count += 1;
        Ok(true)
    })?;
    Ok(count)
}

/// The root of an account's slots.
fn storage_root(
    snapshot: &Snapshot,
    address: Address,
    report: &mut VerifyReport,
    progress: &mut Progress<'_>,
) -> Result<B256, StoreError> {
    let slots = count(snapshot, Column::Storage, address.as_slice())?;
    hashed_root(slots, |leaf| {
        snapshot.for_each_with_prefix(Column::Storage, address.as_slice(), |key, record| {
            let malformed = StoreError::MalformedRecord {
                column: Column::Storage.name(),
            };
            let slot = keys::slot_of(key).ok_or(malformed)?;
            let value = decode_word(record, Column::Storage)?;
            if leaf(keccak256(slot.to_be_bytes::<32>()), &|| {
                storage_leaf_value(value)
            }) {
                report.slots += 1;
                progress.step();
            }
            Ok(true)
        })
    })
}

/// The root of a trie of `count` leaves that `scan` offers in any order. `scan` is called once for
/// every stretch of the key space that fits in memory; it offers all leaves each time and is told which
/// of them are taken.
fn hashed_root(
    count: u64,
    mut scan: impl FnMut(&mut dyn FnMut(B256, &dyn Fn() -> LeafValue) -> bool) -> Result<(), StoreError>,
) -> Result<B256, StoreError> {
    if count == 0 {
        return Ok(EMPTY_ROOT_HASH);
    }
    // Keys are hashes, so equal stretches hold about equally many. 65,536 stretches at most.
    let passes = count.div_ceil(LEAVES_MAX).next_power_of_two().min(1 << 16);
    let mut builder = HashBuilder::default();
    for pass in 0..passes {
        let mut leaves: Vec<(B256, LeafValue)> = Vec::new();
        scan(&mut |key, value| {
            let taken = (u64::from(u16::from_be_bytes([key[0], key[1]])) * passes) >> 16 == pass;
            if taken {
                leaves.push((key, value()));
            }
            taken
        })?;
        leaves.sort_unstable_by_key(|leaf| leaf.0);
        for (key, value) in &leaves {
            builder.add_leaf(Nibbles::unpack(key), value.as_slice());
        }
    }
    Ok(builder.root())
}

/// Visits every node of a trie, and of the storage tries of its leaves if it is the account trie.
fn walk(
    latest: &LatestState,
    account: Option<B256>,
    root: B256,
    report: &mut VerifyReport,
    progress: &mut Progress<'_>,
) -> Result<Option<Difference>, StoreError> {
    if root == EMPTY_ROOT_HASH {
        return Ok(None);
    }
    let mut pending = vec![(Vec::new(), root)];
    while let Some((path, hash)) = pending.pop() {
        let node = match latest.node(account, &path, hash) {
            Ok(node) => node,
            Err(StoreError::MissingNode { .. } | StoreError::NodeMismatch { .. }) => {
                return Ok(Some(Difference::Node { account, path }));
            }
            Err(error) => return Err(error),
        };
        report.nodes += 1;
        progress.step();
        // Embedded nodes are looked through.
        let mut embedded: Vec<(Vec<u8>, Vec<u8>)> = vec![(path.clone(), node.to_vec())];
        while let Some((path, rlp)) = embedded.pop() {
            let Ok(view) = NodeView::decode_at(&rlp, path.len()) else {
                return Ok(Some(Difference::Node { account, path }));
            };
            let mut child = |nibbles: &[u8], child: RefView<'_>| {
                let path = [path.as_slice(), nibbles].concat();
                match child {
                    RefView::Hash(hash) => pending.push((path, B256::new(*hash))),
                    RefView::Inline(rlp) => embedded.push((path, rlp.to_vec())),
                }
            };
            match view {
                NodeView::Extension {
                    path: nibbles,
                    child: below,
                } => {
                    child(&nibbles.to_vec(), below);
                }
                NodeView::Branch { children } => {
                    for (nibble, below) in (0..).zip(children) {
                        if let Some(below) = below {
                            child(&[nibble], below);
                        }
                    }
                }
                NodeView::Leaf { suffix, value } if account.is_none() => {
                    let key = openledger_trie::pack_key(&path, suffix);
                    let decoded = decode_account_leaf_value(value);
                    let (Some(key), Some(decoded)) = (key, decoded) else {
                        return Ok(Some(Difference::Node { account, path }));
                    };
                    let root = decoded.storage_root;
                    if let Some(difference) = walk(latest, Some(key), root, report, progress)? {
                        return Ok(Some(difference));
                    }
                }
                NodeView::Leaf { value, .. } => {
                    let word = alloy_rlp::decode_exact::<alloy_primitives::U256>(value);
                    if !word.is_ok_and(|word| !codec::trimmed(word).is_empty()) {
                        return Ok(Some(Difference::Node { account, path }));
                    }
                }
            }
        }
    }
    Ok(None)
}
