//! The worker's HTTP endpoint.
//!
//! | method and path | body | answer |
//! |---|---|---|
//! | `GET /v1/status` | | [`crate::infer::message::WorkerStatus`] |
//! | `GET /v1/channels/0x…` | | [`crate::infer::message::ChannelStatus`] |
//! | `POST /v1/calls` | [`CallRequest`] | [`crate::infer::message::Offer`] |
//! | `POST /v1/vouchers` | [`SignedVoucher`] | [`crate::infer::message::Answer`] |
//! | `POST /v1/outputs` | [`OutputRequest`] | [`crate::infer::message::Answer`] |
//! | `POST /v1/requests` | [`PromptMessage`] | [`crate::infer::message::Answer`] |
//!
//! A refusal is a [`RefusalMessage`] with a status that isn't 200.

use crate::infer::{
    SignedVoucher,
    message::{
        BODY_BYTES_MAX, CallRequest, MessageError, OutputRequest, PromptMessage, RefusalMessage,
        parse,
    },
    worker::{Model, Refusal, Worker},
};
use alloy_primitives::B256;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, State},
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Serialize, de::DeserializeOwned};
use std::{convert::Infallible, future::Future, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::timeout,
};
use tower::ServiceExt as _;

/// Most connections at the same time.
const CONNECTIONS_MAX: usize = 1_024;
/// How long a client may take over the head of a request, and may keep an idle connection open.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a client may take over a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may last: who doesn't read an answer gives it back then.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1_800);
/// Pause before another connection is accepted when the process is out of sockets.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// What is asked for where nothing is.
#[derive(Debug, Clone, Copy)]
struct NotFound;

/// Serves until it is dropped. A call that was begun goes on when its client is gone: what it leads to isn't lost.
pub(super) async fn serve<M: Model>(listener: TcpListener, worker: Arc<Worker<M>>) {
    let router = Router::new()
        .route("/v1/status", get(status::<M>))
        .route("/v1/channels/{channel}", get(channel::<M>))
        .route("/v1/calls", post(call::<M>))
        .route("/v1/vouchers", post(voucher::<M>))
        .route("/v1/outputs", post(output::<M>))
        .route("/v1/requests", post(request::<M>))
        .fallback(|| async { NotFound })
        .with_state(worker);
    let permits = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        // Connections that have ended are forgotten.
        while connections.try_join_next().is_some() {}
        // Beyond the limit a client waits until another has gone.
        let Ok(permit) = permits.clone().acquire_owned().await else {
            return;
        };
        match listener.accept().await {
            Ok((stream, _)) => {
                let router = router.clone();
                connections.spawn(async move {
                    let _permit = permit;
                    connection(stream, router).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

async fn connection(stream: TcpStream, router: Router) {
    // An answer is one small write, which must not wait for the next.
    let _ = stream.set_nodelay(true);
    let service = hyper::service::service_fn(move |request| {
        let router = router.clone();
        async move {
            let Ok(response) = router.oneshot(request).await;
            Ok::<_, Infallible>(response)
        }
    });
    let serving = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    // Whatever a client does, the next one isn't concerned.
    let _ = timeout(CONNECTION_TIMEOUT, serving).await;
}

async fn status<M: Model>(State(worker): State<Arc<Worker<M>>>) -> Response {
    json(StatusCode::OK, &worker.status())
}

async fn channel<M: Model>(
    State(worker): State<Arc<Worker<M>>>,
    Path(channel): Path<String>,
) -> Response {
    match channel.parse::<B256>() {
        Ok(channel) => json(StatusCode::OK, &worker.channel_status(channel)),
        Err(_) => NotFound.into_response(),
    }
}

async fn call<M: Model>(State(worker): State<Arc<Worker<M>>>, body: Body) -> Response {
    answer(body, |request: CallRequest| async move {
        worker.offer(request).await
    })
    .await
}

async fn voucher<M: Model>(State(worker): State<Arc<Worker<M>>>, body: Body) -> Response {
    answer(body, |signed: SignedVoucher| async move {
        worker.accept(signed).await
    })
    .await
}

async fn output<M: Model>(State(worker): State<Arc<Worker<M>>>, body: Body) -> Response {
    answer(body, |request: OutputRequest| async move {
        worker.output(request).await
    })
    .await
}

async fn request<M: Model>(State(worker): State<Arc<Worker<M>>>, body: Body) -> Response {
    answer(body, |message: PromptMessage| async move {
        worker.serve_request(message).await
    })
    .await
}

async fn answer<T, A, F>(body: Body, serve: impl FnOnce(T) -> F) -> Response
where
    T: DeserializeOwned,
    A: Serialize + Send + 'static,
    F: Future<Output = Result<A, Refusal>> + Send + 'static,
{
    let message = match timeout(BODY_TIMEOUT, to_bytes(body, BODY_BYTES_MAX)).await {
        Ok(Ok(bytes)) => parse(&bytes, BODY_BYTES_MAX),
        // It was cut off, took too long, or is too long, which is what a client can mend.
        _ => Err(MessageError::TooLong {
            max: BODY_BYTES_MAX,
        }),
    };
    let outcome = match message {
        // In a task of its own: a client that goes away stops nothing.
        Ok(message) => match tokio::spawn(serve(message)).await {
            Ok(outcome) => outcome,
            Err(error) => {
                tracing::error!(%error, "a call of the worker's failed");
                Err(Refusal::Failed)
            }
        },
        Err(error) => Err(Refusal::Message(error)),
    };
    match outcome {
        Ok(answer) => json(StatusCode::OK, &answer),
        Err(refusal) => {
            if let Refusal::Files(error) = &refusal {
                tracing::error!(%error, "the worker can't use its files");
            }
            let status = StatusCode::from_u16(refusal.status());
            let message = RefusalMessage {
                error: refusal.name().to_owned(),
                message: refusal.to_string(),
            };
            json(
                status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
                &message,
            )
        }
    }
}

impl IntoResponse for NotFound {
    fn into_response(self) -> Response {
        let message = RefusalMessage {
            error: "notFound".to_owned(),
            message: "there is /v1/status, /v1/channels/CHANNEL, /v1/calls, /v1/vouchers, /v1/outputs and /v1/requests".to_owned(),
        };
        json(StatusCode::NOT_FOUND, &message)
    }
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    match serde_json::to_vec(value) {
        Ok(body) => (status, [(CONTENT_TYPE, "application/json")], body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
