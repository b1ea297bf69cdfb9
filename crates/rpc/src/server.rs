//! Listeners and connections.

use crate::{
    api::Api,
    config::{Namespace, RpcConfig},
    context::RpcContext,
    dispatch::Listener,
    error::RpcError,
    http::{self, Endpoint},
    hub,
    metrics::Gauge,
    patient::Patient,
};
use axum::http::HeaderValue;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::{
    collections::BTreeSet,
    io,
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::{JoinError, JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;

/// How long a client may take over the head of a request, and may keep an idle connection open.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long requests may go on after shutdown began.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(5);
/// How long to wait before accepting again when the process is out of sockets.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The answer on a connection above the limit: the request is not read, that would take what there is
/// no more of.
const TOO_MANY_CONNECTIONS: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A running server.
#[derive(Debug)]
pub struct RpcHandle {
    /// Where the public listener is.
    pub http: SocketAddr,
    /// Where the privileged listener is.
    pub privileged: Option<SocketAddr>,
    /// Ends when all connections are closed after shutdown.
    pub join: JoinHandle<()>,
}

impl RpcHandle {
    /// Where the public listener is.
    pub const fn http(&self) -> SocketAddr {
        self.http
    }

    /// Where the privileged listener is.
    pub const fn privileged(&self) -> Option<SocketAddr> {
        self.privileged
    }

    /// Waits until all connections are closed after shutdown.
    ///
    /// # Errors
    /// If the server panicked.
    pub async fn ended(self) -> Result<(), JoinError> {
        self.join.await
    }
}

/// Serves JSON-RPC until `shutdown`. Both listeners are bound when this returns.
///
/// # Errors
/// A port that is in use or can't be bound, a privileged listener that would be open to others without
/// a token, a malformed origin.
pub async fn serve(
    config: RpcConfig,
    context: RpcContext,
    shutdown: CancellationToken,
) -> Result<RpcHandle, RpcError> {
    if let Some(address) = config.privileged
        && !address.ip().is_loopback()
        && config.token.as_ref().is_none_or(String::is_empty)
    {
        return Err(RpcError::TokenNeeded { address });
    }
    for origin in &config.cors_origins {
        if HeaderValue::from_str(origin).is_err() {
            return Err(RpcError::Origin {
                origin: origin.as_str().into(),
            });
        }
    }
    let (public, http) = bind(config.http, "--http.port").await?;
    let privileged = match config.privileged {
        Some(address) => Some(bind(address, "--privileged.port").await?),
        None => None,
    };
    let namespaces = Arc::new(config.public_namespaces.clone());
    let api = Arc::new(Api::new(config, context));

    let mut tasks = JoinSet::new();
    tasks.spawn(hub::run(api.clone(), shutdown.clone()));
    let endpoint = Endpoint::new(
        api.clone(),
        Listener {
            namespaces,
            is_privileged: false,
        },
        &shutdown,
    );
    tasks.spawn(accept(public, endpoint, shutdown.clone()));
    let privileged = privileged.map(|(listener, address)| {
        // What changes a local chain at will is not an operator's business.
        let mut all: BTreeSet<Namespace> = Namespace::ALL.into();
        if !api.config.public_namespaces.contains(&Namespace::Local) {
            all.remove(&Namespace::Local);
        }
        let all = Arc::new(all);
        let endpoint = Endpoint::new(
            api.clone(),
            Listener {
                namespaces: all,
                is_privileged: true,
            },
            &shutdown,
        );
        tasks.spawn(accept(listener, endpoint, shutdown.clone()));
        address
    });
    let join = tokio::spawn(async move { while tasks.join_next().await.is_some() {} });
    Ok(RpcHandle {
        http,
        privileged,
        join,
    })
}

async fn bind(
    address: SocketAddr,
    flag: &'static str,
) -> Result<(TcpListener, SocketAddr), RpcError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::AddrInUse => RpcError::PortInUse {
            port: address.port(),
            flag,
        },
        _ => RpcError::Bind {
            address,
            flag,
            source,
        },
    };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

/// Accepts connections until shutdown, then waits for those that are open.
async fn accept(listener: TcpListener, endpoint: Arc<Endpoint>, shutdown: CancellationToken) {
    let permits = Arc::new(Semaphore::new(endpoint.api.config.limits.connections_max));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            // Finished connections are forgotten as they end.
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match permits.clone().try_acquire_owned() {
                Ok(permit) => {
                    let (endpoint, shutdown) = (endpoint.clone(), shutdown.clone());
                    connections.spawn(async move {
                        let _permit = permit;
                        connection(stream, endpoint, shutdown).await;
                    });
                }
                Err(_) => {
                    endpoint
                        .api
                        .metrics
                        .connections_refused
                        .fetch_add(1, Relaxed);
                    // The socket's buffer takes this at once; whoever doesn't read it has no answer.
                    let _ = stream.try_write(TOO_MANY_CONNECTIONS);
                }
            },
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
    let drained = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(DRAIN_TIMEOUT, drained).await;
}

async fn connection(stream: TcpStream, endpoint: Arc<Endpoint>, shutdown: CancellationToken) {
    let api = endpoint.api.clone();
    let _open = Gauge::enter(&api.metrics.connections);
    // An answer is one small write, which must not wait for the next.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let endpoint = endpoint.clone();
        async move { Ok::<_, std::convert::Infallible>(http::handle(endpoint, request).await) }
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(Patient::new(stream)), service)
        .with_upgrades();
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}
