//! Building blobs away from every thread that something waits for.

use crate::{BlobsError, channel::ChannelTxInfo};
use alloy_primitives::Bytes;
use openledger_l1::BlobSidecar;
use openledger_protocol::decode_blob;
use tokio::task::JoinHandle;

type Built = Result<BlobSidecar, BlobsError>;

/// The blobs of one transaction, in the making or made.
pub(crate) struct Building {
    info: ChannelTxInfo,
    task: JoinHandle<Built>,
    result: Option<Built>,
}

/// Begins to build a transaction's blobs, a payload each, on a blocking thread.
pub(crate) fn build(info: ChannelTxInfo, payloads: Vec<Bytes>) -> Building {
    Building {
        info,
        task: tokio::task::spawn_blocking(move || build_checked(&payloads)),
        result: None,
    }
}

impl Building {
    pub(crate) const fn info(&self) -> ChannelTxInfo {
        self.info
    }

    pub(crate) const fn is_done(&self) -> bool {
        self.result.is_some()
    }

    /// What came of it, once it is done.
    pub(crate) const fn result(&self) -> Option<&Built> {
        self.result.as_ref()
    }

    /// Waits until it is done; for ever if there is nothing to wait for. May be cancelled.
    pub(crate) async fn finish(building: Option<&mut Self>) {
        match building {
            Some(building) => {
                let outcome = (&mut building.task).await;
                building.result = Some(outcome.unwrap_or(Err(BlobsError::Kzg)));
            }
            None => std::future::pending().await,
        }
    }
}

fn build_checked(payloads: &[Bytes]) -> Built {
    let sidecar = BlobSidecar::build(payloads).map_err(|error| {
        tracing::error!(%error, "blobs can't be built");
        BlobsError::Kzg
    })?;
    for (index, (blob, payload)) in sidecar.blobs().iter().zip(payloads).enumerate() {
        match decode_blob(blob.as_slice()) {
            Ok(data) if data == *payload => {}
            Ok(_) => return Err(BlobsError::Differs { index }),
            Err(source) => return Err(BlobsError::Decode { index, source }),
        }
    }
    Ok(sidecar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn blobs_hold_what_was_put_in() {
        let info = ChannelTxInfo {
            channel: 3,
            index: 1,
        };
        let payloads: Vec<Bytes> = vec![vec![0, 1, 2].into(), vec![0xff; 130_044].into()];
        let mut building = build(info, payloads.clone());
        assert!(!building.is_done());
        Building::finish(Some(&mut building)).await;
        assert_eq!(building.info(), info);
        let sidecar = building.result().expect("done").clone().expect("built");
        let decoded: Vec<Bytes> = sidecar
            .blobs()
            .iter()
            .map(|blob| decode_blob(blob.as_slice()).expect("own").into())
            .collect();
        assert_eq!(decoded, payloads);

        let mut building = build(info, vec![vec![0; 130_045].into()]);
        Building::finish(Some(&mut building)).await;
        assert_eq!(building.result(), Some(&Err(BlobsError::Kzg)));
    }
}
