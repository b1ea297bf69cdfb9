//! HTTP: JSON-RPC by POST, `/health`, `/metrics`, CORS, and the upgrade to WebSocket.

use crate::{
    api::{Api, now},
    dispatch::{Listener, answer},
    envelope::{null_id, write_answer},
    error::Failure,
    feed,
    metrics::{write_methods, write_value},
    websocket,
};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{FromRequestParts, Query, Request, State, WebSocketUpgrade},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use hyper::body::Incoming;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// Methods and headers that pages of allowed origins may use.
const ALLOW_METHODS: HeaderValue = HeaderValue::from_static("GET, POST, OPTIONS");
const ALLOW_HEADERS: HeaderValue = HeaderValue::from_static("*, Authorization, Content-Type");
/// Seconds for which a browser may remember that.
const MAX_AGE: HeaderValue = HeaderValue::from_static("3600");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// One listener's side of the server.
pub(crate) struct Endpoint {
    pub(crate) api: Arc<Api>,
    pub(crate) listener: Listener,
    pub(crate) shutdown: CancellationToken,
    /// Everything but POST, which is worth a shorter way.
    router: Router,
}

impl Endpoint {
    /// The side of a listener.
    pub(crate) fn new(
        api: Arc<Api>,
        listener: Listener,
        shutdown: &CancellationToken,
    ) -> Arc<Self> {
        Arc::new_cyclic(|endpoint: &std::sync::Weak<Self>| {
            let mut router = Router::new()
                .route("/", get(index))
                .route("/ws", get(index))
                .route("/health", get(health));
            if api.feed.is_some() {
                router = router.route("/feed", get(blocks));
            }
            if listener.is_privileged {
                router = router.route("/metrics", get(metrics));
            }
            let router = router.with_state(endpoint.clone());
            Self {
                api,
                listener,
                shutdown: shutdown.clone(),
                router,
            }
        })
    }

    /// What a page of this origin may have: `None` nothing, else the header that says so.
    fn allowed_origin(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let origins = &self.api.config.cors_origins;
        if origins.iter().any(|allowed| allowed == "*") {
            return Some(HeaderValue::from_static("*"));
        }
        origins
            .iter()
            .any(|allowed| allowed.as_bytes() == origin.as_bytes())
            .then(|| origin.clone())
    }

    /// Whether a request may pass at all: on the privileged listener it needs the token, and comes
    /// from no web page but those of allowed origins.
    fn is_admitted(&self, headers: &HeaderMap) -> Result<(), StatusCode> {
        if !self.listener.is_privileged {
            return Ok(());
        }
        if let Some(token) = &self.api.config.token {
            let given = headers
                .get(header::AUTHORIZATION)
                .and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
            if !given.is_some_and(|given| same(given, token.as_bytes())) {
                return Err(StatusCode::UNAUTHORIZED);
            }
        }
        match headers.get(header::ORIGIN) {
            Some(origin) if self.allowed_origin(origin).is_none() => Err(StatusCode::FORBIDDEN),
            _ => Ok(()),
        }
    }
}

/// Compares secrets in a time that doesn't tell where they differ.
fn same(given: &[u8], expected: &[u8]) -> bool {
    given.len() == expected.len()
        && given
            .iter()
            .zip(expected)
            .fold(0, |differ, (a, b)| differ | (a ^ b))
            == 0
}

/// Answers one HTTP request.
pub(crate) async fn handle(endpoint: Arc<Endpoint>, request: hyper::Request<Incoming>) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match endpoint.is_admitted(request.headers()) {
        Err(status) => status.into_response(),
        Ok(()) if request.method() == Method::POST => post(&endpoint, request).await,
        Ok(()) if request.method() == Method::OPTIONS => preflight(),
        Ok(()) => {
            let request = request.map(Body::new);
            match endpoint.router.clone().oneshot(request).await {
                Ok(response) => response,
                Err(never) => match never {},
            }
        }
    };
    if let Some(allowed) = origin.and_then(|origin| endpoint.allowed_origin(&origin)) {
        let headers = response.headers_mut();
        if allowed != "*" {
            headers.insert(header::VARY, HeaderValue::from_static("Origin"));
        }
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    }
    response
}

fn preflight() -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW_METHODS);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOW_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

/// JSON-RPC.
async fn post(endpoint: &Endpoint, request: hyper::Request<Incoming>) -> Response {
    let limits = &endpoint.api.config.limits;
    let max = limits.body_bytes_max;
    if !is_json(request.headers()) {
        return StatusCode::UNSUPPORTED_MEDIA_TYPE.into_response();
    }
    let declared = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > max as u64) {
        return too_large(max);
    }
    let body = axum::body::to_bytes(Body::new(request.into_body()), max);
    match tokio::time::timeout(limits.request_timeout, body).await {
        Ok(Ok(body)) => json(
            StatusCode::OK,
            answer(&endpoint.api, &endpoint.listener, &body).await,
        ),
        // The body was cut off, or is longer than it may be.
        Ok(Err(_)) => too_large(max),
        Err(_) => StatusCode::REQUEST_TIMEOUT.into_response(),
    }
}

/// Whether the body is said to be JSON, or nothing is said. Web pages can't say so without asking
/// first (CORS), so that no page of a stranger reaches a node on loopback.
fn is_json(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_none_or(|given| {
        let given = given.as_bytes();
        let end = given
            .iter()
            .position(|byte| *byte == b';')
            .unwrap_or(given.len());
        given[..end]
            .trim_ascii()
            .eq_ignore_ascii_case(b"application/json")
    })
}

fn json(status: StatusCode, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, JSON);
    response
}

fn too_large(max: usize) -> Response {
    let failure = Failure::Limit {
        what: "bytes of a request",
        limit: "body_bytes_max",
        max: max as u64,
    };
    let mut body = Vec::new();
    write_answer(&mut body, &null_id(), &Err(failure));
    json(StatusCode::PAYLOAD_TOO_LARGE, body)
}

type Shared = State<std::sync::Weak<Endpoint>>;

/// `GET /`: a WebSocket, or a hint.
async fn index(State(endpoint): Shared, request: Request) -> Response {
    let Some(endpoint) = endpoint.upgrade() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let (mut parts, _) = request.into_parts();
    if !parts.headers.contains_key(header::UPGRADE) {
        let hint = "JSON-RPC: POST a request, or open a WebSocket\n";
        return (StatusCode::METHOD_NOT_ALLOWED, hint).into_response();
    }
    let limits = &endpoint.api.config.limits;
    match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
        Ok(upgrade) => upgrade
            .max_message_size(limits.body_bytes_max)
            .max_frame_size(limits.body_bytes_max)
            .on_upgrade(move |socket| websocket::run(endpoint, socket)),
        Err(rejection) => rejection.into_response(),
    }
}

/// Bytes of a message that a subscriber of the feed may send: it has nothing to say.
const FEED_REQUEST_BYTES_MAX: usize = 1 << 10;

/// `GET /feed?from=N`.
#[derive(Debug, Deserialize)]
struct FeedQuery {
    /// Number of the first block that is wanted; without, the next that is sealed.
    from: Option<u64>,
}

async fn blocks(
    State(endpoint): Shared,
    Query(query): Query<FeedQuery>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let Some(endpoint) = endpoint.upgrade() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    if let (Some(feed), Some(from)) = (&endpoint.api.feed, query.from) {
        let oldest = feed.oldest();
        if from.max(1) < oldest {
            let hint = format!(
                "the feed goes back to block {oldest} only: derive older blocks from L1, then ask for those \
                 that follow\n"
            );
            return (StatusCode::GONE, hint).into_response();
        }
    }
    upgrade
        .max_message_size(FEED_REQUEST_BYTES_MAX)
        .on_upgrade(move |socket| feed::run(endpoint, socket, query.from))
}

/// What `/health` says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    status: Cow<'static, str>,
    chain_id: u64,
    head_number: u64,
    head_hash: alloy_primitives::B256,
    head_age_seconds: u64,
    head_age_seconds_max: u64,
    safe_number: u64,
    finalized_number: u64,
    sequencing: Option<bool>,
    pool_transactions: Option<usize>,
}

async fn health(State(endpoint): Shared) -> Response {
    let Some(endpoint) = endpoint.upgrade() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let api = &endpoint.api;
    let head = api.chain.head();
    let heads = api.chain.heads();
    let age = now().saturating_sub(head.timestamp);
    let mut troubles = api.troubles.iter();
    let trouble = troubles.find_map(|trouble| trouble.borrow().clone());
    let is_old = age > api.config.health_head_age_max.as_secs();
    let is_healthy = !is_old && trouble.is_none();
    let health = Health {
        status: match trouble {
            Some(trouble) => trouble.to_string().into(),
            None if is_old => "the head is too old".into(),
            None => "ok".into(),
        },
        chain_id: api.chain_config().l2_chain_id,
        head_number: head.number,
        head_hash: head.hash(),
        head_age_seconds: age,
        head_age_seconds_max: api.config.health_head_age_max.as_secs(),
        safe_number: heads.safe.number,
        finalized_number: heads.finalized.number,
        sequencing: api
            .sequencer
            .as_ref()
            .map(|sequencer| sequencer.is_active()),
        pool_transactions: api.mempool().map(|pool| pool.len()),
    };
    let status = if is_healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    json(status, serde_json::to_vec(&health).unwrap_or_default())
}

async fn metrics(State(endpoint): Shared) -> Response {
    let Some(endpoint) = endpoint.upgrade() else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let mut response = Response::new(Body::from(Bytes::from(render(&endpoint.api))));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8"),
    );
    response
}

/// All metrics as Prometheus text.
fn render(api: &Api) -> String {
    let mut out = String::with_capacity(16 << 10);
    let heads = api.chain.heads();
    let head = api.chain.head();
    let gauges = [
        (
            "head_number",
            "Number of the newest sealed block.",
            heads.unsafe_head.number,
        ),
        ("safe_number", "Number of the safe head.", heads.safe.number),
        (
            "finalized_number",
            "Number of the finalized head.",
            heads.finalized.number,
        ),
        (
            "head_age_seconds",
            "Age of the newest sealed block.",
            now().saturating_sub(head.timestamp),
        ),
        (
            "open_block_transactions",
            "Transactions in the open block.",
            api.chain
                .open_block()
                .map_or(0, |open| open.transactions.len() as u64),
        ),
        (
            "rpc_filters",
            "Installed filters.",
            api.filters.len() as u64,
        ),
        (
            "rpc_waiting",
            "Costly requests that wait for a worker.",
            api.workers.waiting() as u64,
        ),
    ];
    for (name, help, value) in gauges {
        write_value(&mut out, "gauge", name, help, value);
    }
    if let Some(pool) = api.mempool() {
        let (pending, queued) = pool.status();
        write_value(
            &mut out,
            "gauge",
            "pool_pending",
            "Pending transactions.",
            pending,
        );
        write_value(
            &mut out,
            "gauge",
            "pool_queued",
            "Queued transactions.",
            queued,
        );
        write_value(
            &mut out,
            "gauge",
            "pool_bytes",
            "Encoded bytes in the pool.",
            pool.bytes(),
        );
    }
    if let Some(sequencer) = &api.sequencer {
        let active = u8::from(sequencer.is_active());
        write_value(
            &mut out,
            "gauge",
            "sequencer_active",
            "Whether blocks are built.",
            active,
        );
    }
    api.metrics.write(&mut out);
    let methods = api.registry.all();
    write_methods(
        &mut out,
        methods.iter().map(|method| (method.name, &method.metrics)),
    );
    if let Some(hook) = &api.metrics_hook {
        hook(&mut out);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_must_be_json() {
        let is = |given: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            if let Some(given) = given {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(given));
            }
            is_json(&headers)
        };
        assert!(is(None));
        assert!(is(Some("application/json")));
        assert!(is(Some("Application/JSON ; charset=utf-8")));
        assert!(!is(Some("text/plain")));
        assert!(!is(Some("application/x-www-form-urlencoded")));
    }

    #[test]
    fn secrets_are_compared_whole() {
        assert!(same(b"abc", b"abc"));
        assert!(!same(b"abd", b"abc"));
        assert!(!same(b"ab", b"abc"));
        assert!(!same(b"", b"abc"));
    }
}
