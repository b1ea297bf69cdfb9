//! The way to anvil's blobs, which can be cut: whoever asks is sent on to anvil, or not.

use anyhow::Result;
use axum::{
    Router,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Redirect, Response},
};
use std::{
    future::ready,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// What is wrong at the moment.
#[derive(Debug, Default)]
pub(crate) struct BeaconFaults {
    /// Nothing is answered but status 503.
    pub(crate) down: bool,
    /// Blocks from this one on have no blobs.
    pub(crate) withheld_from: Option<u64>,
}

/// A server that ends with this.
#[derive(Debug)]
pub(crate) struct Beacon {
    faults: Arc<Mutex<BeaconFaults>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl Beacon {
    /// Starts it in front of `target`, which has no trailing slash.
    pub(crate) async fn start(target: String) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let faults = Arc::new(Mutex::new(BeaconFaults::default()));
        let shared = faults.clone();
        let app =
            Router::new().fallback(move |uri: Uri| ready(answer(&lock(&shared), &target, &uri)));
        let server = tokio::spawn(async move {
            // It ends when it is aborted.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self {
            faults,
            address,
            server,
        })
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, BeaconFaults> {
        lock(&self.faults)
    }
}

impl Drop for Beacon {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(faults: &Mutex<BeaconFaults>) -> MutexGuard<'_, BeaconFaults> {
    faults.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(faults: &BeaconFaults, target: &str, uri: &Uri) -> Response {
    if faults.down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let block = uri.path().strip_prefix("/eth/v1/beacon/blobs/");
    let block = block.and_then(|number| number.parse::<u64>().ok());
    if let (Some(block), Some(from)) = (block, faults.withheld_from)
        && block >= from
    {
        return ([("content-type", "application/json")], r#"{"data":[]}"#).into_response();
    }
    Redirect::temporary(&format!("{target}{uri}")).into_response()
}
