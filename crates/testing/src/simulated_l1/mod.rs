//! A simulated L1, for journeys of a sequencer and a verifier through everything that an L1 may do.
//!
//! In this process, behind real sockets: JSON-RPC ([`rpc`]) and a beacon node ([`beacon`]) over a chain
//! ([`State`]) of real blocks. Headers, transactions, receipts, logs and blobs hash to what commits to
//! them; contracts run in the EVM ([`execution`]), so that the rollup's own are deployed and behave as on
//! any L1; the pool ([`Pool`]) has the rules that a sender meets. What happens when is up to the test
//! alone: no block comes by itself, and all that goes wrong is ordered ([`Faults`], [`State::orphan`]).
//!
//! Not simulated: the state root (made up), system calls at a block's beginning, consensus.
//! Start reading at [`SimulatedL1`].

mod beacon;
mod block;
mod chain;
mod execution;
mod order;
mod pool;
mod rpc;

pub use block::{Accounts, Block, Included, StoredBlob};
pub use chain::{Faults, Filter, GAS_LIMIT, Options, State};
pub use order::Order;
pub use pool::{Pool, Pooled, Refusal, SidecarRule};

use anyhow::{Context as _, Result};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, RawQuery},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// The largest request: a transaction with nine blobs in hexadecimal, and room.
const REQUEST_BYTES_MAX: usize = 4 << 20;

/// A running simulated L1. Its server ends with it.
#[derive(Debug)]
pub struct SimulatedL1 {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    server: JoinHandle<()>,
}

impl SimulatedL1 {
    /// Starts it with block 0, on a free port of the loopback interface.
    ///
    /// # Errors
    /// No port can be had.
    pub async fn start(options: Options) -> Result<Self> {
        let state = Arc::new(Mutex::new(State::new(options)));
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .context("a port for the simulated L1")?;
        let address = listener.local_addr()?;
        let (rpc_state, beacon_state) = (state.clone(), state.clone());
        let app = Router::new()
            .route(
                "/",
                post(move |body: Bytes| json_rpc(rpc_state.clone(), body)),
            )
            .route(
                "/eth/v1/{*path}",
                get(move |Path(path): Path<String>, RawQuery(query): RawQuery| {
                    beacon_api(beacon_state.clone(), path, query)
                }),
            )
            .layer(DefaultBodyLimit::max(REQUEST_BYTES_MAX));
        let server = tokio::spawn(async move {
            // It ends when it is aborted.
            let _ = axum::serve(listener, app).await;
        });
        Ok(Self {
            state,
            address,
            server,
        })
    }

    /// URL of its JSON-RPC, and of its beacon node.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The L1's state. Requests wait as long as it is held, so that what a borrow does is seen from
    /// outside as one step. Not to be held across an `await`.
    pub fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl Drop for SimulatedL1 {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn json_rpc(state: Arc<Mutex<State>>, body: Bytes) -> Response {
    // The EVM and KZG take a while: not on an async worker.
    let answered = tokio::task::spawn_blocking(move || {
        let mut state = lock(&state);
        if state.faults.rpc_down {
            return None;
        }
        Some(rpc::answer(&mut state, &body))
    });
    match answered.await {
        Ok(Some(body)) => ([("content-type", "application/json")], body).into_response(),
        Ok(None) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn beacon_api(state: Arc<Mutex<State>>, path: String, query: Option<String>) -> Response {
    let state = lock(&state);
    if state.faults.beacon_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match beacon::answer(&state, &path, query.as_deref().unwrap_or_default()) {
        Some(body) => ([("content-type", "application/json")], body.to_string()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
