//! The L1 part of `optimism_syncStatus`.

use crate::roles::Roles;
use openledger_l1::L1Heads;
use openledger_primitives::SealedHeader;
use openledger_rpc::{L1BlockRef, L1Status};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Starts the role that keeps the L1's heads in the form of `optimism_syncStatus`, until `shutdown`.
pub(crate) fn l1_status(
    heads: watch::Receiver<L1Heads>,
    shutdown: &CancellationToken,
    roles: &Roles,
) -> watch::Receiver<L1Status> {
    let (sender, receiver) = watch::channel(status(&heads.borrow()));
    let shutdown = shutdown.clone();
    roles.spawn("L1 status", async move {
        shutdown.run_until_cancelled(keep(heads, sender)).await;
        Ok(())
    });
    receiver
}

/// Passes the heads on until nobody tells of them any more.
async fn keep(mut heads: watch::Receiver<L1Heads>, told: watch::Sender<L1Status>) {
    while heads.changed().await.is_ok() {
        told.send_replace(status(&heads.borrow_and_update()));
    }
}

fn status(heads: &L1Heads) -> L1Status {
    let reference = |header: &Option<SealedHeader>| {
        header
            .as_ref()
            .map_or_else(L1BlockRef::default, |header| L1BlockRef {
                hash: header.hash(),
                number: header.number,
                parent_hash: header.parent_hash,
                timestamp: header.timestamp,
            })
    };
    let head = reference(&heads.latest);
    L1Status {
        current: head,
        head,
        safe: reference(&heads.safe),
        finalized: reference(&heads.finalized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use openledger_primitives::Header;

    fn header(number: u64) -> SealedHeader {
        SealedHeader::new(Header {
            number,
            timestamp: number * 2,
            ..Default::default()
        })
    }

    #[test]
    fn heads_become_a_sync_status() {
        let heads = L1Heads {
            latest: Some(header(9)),
            safe: Some(header(7)),
            finalized: None,
            reachable: true,
        };
        let status = status(&heads);
        assert_eq!(
            (status.head.number, status.head.timestamp, status.head.hash),
            (9, 18, header(9).hash())
        );
        assert_eq!(
            (status.safe.number, status.finalized),
            (7, L1BlockRef::default())
        );
    }

    #[tokio::test]
    async fn heads_are_passed_on_until_the_shutdown() {
        let (heads, seen) = watch::channel(L1Heads::default());
        let (shutdown, roles) = (CancellationToken::new(), Roles::default());
        let mut told = l1_status(seen, &shutdown, &roles);
        heads.send_modify(|heads| heads.latest = Some(header(9)));
        let status = told.wait_for(|status| status.head.number == 9).await;
        assert_eq!(status.unwrap().current.number, 9);
        shutdown.cancel();
        let mut outcome = Ok(());
        roles.end(&mut outcome).await;
        outcome.unwrap();
    }
}
