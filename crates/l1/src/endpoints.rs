use crate::L1Error;
use alloy_network::Ethereum;
use alloy_provider::{Provider, RootProvider};
use alloy_rpc_client::RpcClient;
use alloy_transport::{RpcError, TransportError, TransportErrorKind};
use parking_lot::Mutex;
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fmt::Debug,
    future::Future,
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Most URLs of one L1.
pub const ENDPOINTS_MAX: usize = 8;
/// JSON-RPC codes that the next try or another endpoint would answer in the same way: parse error,
/// invalid request, unknown method, invalid parameters, and a revert.
const DETERMINISTIC_CODES: [i64; 5] = [-32700, -32600, -32601, -32602, 3];

/// How requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestConfig {
    /// Longest wait for one answer of one endpoint.
    pub timeout: Duration,
    /// How often the whole list of endpoints is tried before a request fails; at least 1.
    pub attempts: u32,
    /// Wait before the second attempt; doubles with each further one.
    pub backoff: Duration,
    /// Longest wait between attempts.
    pub backoff_max: Duration,
    /// For how long an endpoint that failed is passed over while another one works.
    pub cooldown: Duration,
}

impl Default for RequestConfig {
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(10),
            attempts: 3,
            backoff: Duration::from_millis(100),
            backoff_max: Duration::from_secs(2),
            cooldown: Duration::from_secs(5),
        }
    }
}

/// Whether a JSON-RPC error is worth another try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnRefusal {
    /// Another endpoint, or the same one later, may answer: a lagging or overloaded node.
    Retry,
    /// The refusal is the answer: transactions that are sent, tags that a chain lacks.
    Return,
}

/// What is made of an answer that lacks what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OnAbsence {
    /// Asked again like after any failure: the caller knows that it exists.
    Retry,
    /// Returned once every endpoint has said so: it may not exist.
    Return,
}

struct Endpoint {
    /// Host and port, which is all of the URL that may be shown.
    label: String,
    provider: RootProvider<Ethereum>,
    /// Until when the endpoint is passed over.
    down_until: Mutex<Option<Instant>>,
}

/// The label only: the provider's own form names the whole URL.
impl Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.label)
    }
}

/// The URLs of one L1, tried in order.
#[derive(Debug, Clone)]
pub(crate) struct Endpoints {
    list: Arc<[Endpoint]>,
    config: RequestConfig,
    /// Answers that lacked what another endpoint had, or what the caller knew to exist.
    absences: Arc<AtomicU64>,
}

impl Endpoints {
    pub(crate) fn new(urls: &[String], config: RequestConfig) -> Result<Self, L1Error> {
        if urls.is_empty() || urls.len() > ENDPOINTS_MAX {
            return Err(L1Error::EndpointCount {
                given: urls.len(),
                limit: ENDPOINTS_MAX,
            });
        }
        let list = urls
            .iter()
            .enumerate()
            .map(|(index, url)| {
                let url = reqwest::Url::from_str(url.trim())
                    .map_err(|source| L1Error::InvalidUrl { index, source })?;
                let label = match (url.host_str(), url.port_or_known_default()) {
                    (Some(host), Some(port)) => format!("{host}:{port}"),
                    (Some(host), None) => host.to_owned(),
                    (None, _) => format!("number {index}"),
                };
                let provider = RootProvider::new(RpcClient::new_http(url));
                Ok(Endpoint {
                    label,
                    provider,
                    down_until: Mutex::new(None),
                })
            })
            .collect::<Result<Vec<_>, L1Error>>()?;
        Ok(Self {
            list: list.into(),
            config,
            absences: Arc::default(),
        })
    }

    /// Answers so far that lacked what exists: endpoints that lag behind gave them.
    pub(crate) fn absences(&self) -> u64 {
        self.absences.load(Ordering::Relaxed)
    }

    /// Counts answers that lacked what exists.
    pub(crate) fn count_absences(&self, answers: u64) {
        self.absences.fetch_add(answers, Ordering::Relaxed);
    }

    /// Sends a request until one endpoint gives an answer that `verify` accepts.
    ///
    /// An answer that lacks what was asked for ([`L1Error::is_absence`]) is no failure of its endpoint,
    /// but the others are asked before it is believed: one of them may lag behind the rest.
    ///
    /// # Errors
    /// The last failure, once every endpoint has failed in each of the configured attempts; a
    /// refusal that would only repeat itself, at once; an absence as `on_absence` says.
    pub(crate) async fn request<P, R, T, V, F>(
        &self,
        method: &'static str,
        params: P,
        on_refusal: OnRefusal,
        on_absence: OnAbsence,
        verify: V,
    ) -> Result<T, L1Error>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
        V: Fn(R) -> F,
        F: Future<Output = Result<T, L1Error>>,
    {
        let mut backoff = self.config.backoff;
        let mut attempt = 1;
        loop {
            let mut failure = None;
            let mut absence = None;
            let mut lagging: Vec<&Endpoint> = Vec::new();
            for endpoint in self.in_order() {
                let outcome = match endpoint
                    .ask(method, params.clone(), self.config.timeout)
                    .await
                {
                    Ok(answer) => verify(answer).await,
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(value) => {
                        *endpoint.down_until.lock() = None;
                        self.count_absences(lagging.len() as u64);
                        for behind in lagging {
                            tracing::debug!(
                                endpoint = behind.label,
                                method,
                                "l1 endpoint lags behind another"
                            );
                            behind.pass_over(self.config.cooldown);
                        }
                        return Ok(value);
                    }
                    Err(error) if error.is_absence() => {
                        lagging.push(endpoint);
                        absence = Some(error);
                    }
                    Err(error @ L1Error::Refused { code, .. })
                        if on_refusal == OnRefusal::Return
                            || DETERMINISTIC_CODES.contains(&code) =>
                    {
                        return Err(error);
                    }
                    Err(error) => {
                        if error.is_mismatch() {
                            tracing::error!(endpoint = endpoint.label, %error, "l1 answer fails verification");
                        } else {
                            tracing::debug!(endpoint = endpoint.label, %error, attempt, "l1 request failed");
                        }
                        endpoint.pass_over(self.config.cooldown);
                        failure = Some(error);
                    }
                }
            }
            // An absence that nobody contradicts; asking those that failed again may.
            let settled = on_absence == OnAbsence::Return && failure.is_none();
            if (settled || attempt >= self.config.attempts)
                && let Some(error) = absence.or(failure)
            {
                return Err(error);
            }
            attempt += 1;
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(self.config.backoff_max);
        }
    }

    /// The endpoints that work, in the configured order; then those that failed lately.
    fn in_order(&self) -> impl Iterator<Item = &Endpoint> {
        let now = Instant::now();
        let is_down =
            move |endpoint: &&Endpoint| endpoint.down_until.lock().is_some_and(|until| now < until);
        let (down, up): (Vec<_>, Vec<_>) = self.list.iter().partition(is_down);
        up.into_iter().chain(down)
    }
}

impl Endpoint {
    /// Asks the others first for a while.
    fn pass_over(&self, cooldown: Duration) {
        *self.down_until.lock() = Some(Instant::now() + cooldown);
    }

    async fn ask<P, R>(
        &self,
        method: &'static str,
        params: P,
        timeout: Duration,
    ) -> Result<R, L1Error>
    where
        P: Serialize + Clone + Debug + Send + Sync + Unpin,
        R: DeserializeOwned + Debug + Send + Sync + Unpin + 'static,
    {
        match tokio::time::timeout(
            timeout,
            self.provider.raw_request::<P, R>(method.into(), params),
        )
        .await
        {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(source)) => Err(self.failure(method, source)),
            Err(_) => Err(L1Error::Timeout {
                method,
                endpoint: self.label.clone(),
                after: timeout,
            }),
        }
    }

    fn failure(&self, method: &'static str, source: TransportError) -> L1Error {
        let endpoint = self.label.clone();
        match source {
            RpcError::ErrorResp(payload) => L1Error::Refused {
                method,
                endpoint,
                code: payload.code,
                data: payload.as_revert_data(),
                message: payload.message.into_owned(),
            },
            // The text of such an answer may be megabytes: only the reason is kept.
            RpcError::DeserError { err, .. } => L1Error::Malformed {
                method,
                endpoint,
                source: err,
            },
            RpcError::Transport(TransportErrorKind::Custom(inner)) => {
                let inner = match inner.downcast::<reqwest::Error>() {
                    // The client's own text names the whole URL.
                    Ok(error) => Box::new(error.without_url()),
                    Err(other) => other,
                };
                let source = RpcError::Transport(TransportErrorKind::Custom(inner));
                L1Error::Transport {
                    method,
                    endpoint,
                    source: Box::new(source),
                }
            }
            source => L1Error::Transport {
                method,
                endpoint,
                source: Box::new(source),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_checked_and_shown_without_their_path() {
        let config = RequestConfig::default();
        assert!(matches!(
            Endpoints::new(&[], config),
            Err(L1Error::EndpointCount {
                given: 0,
                limit: ENDPOINTS_MAX
            })
        ));
        assert!(matches!(
            Endpoints::new(&["http://a".into(), "no url".into()], config),
            Err(L1Error::InvalidUrl { index: 1, .. })
        ));
        let endpoints = Endpoints::new(
            &[
                "https://user:pw@l1.example/v3/secret".into(),
                "http://b:8546".into(),
            ],
            config,
        )
        .expect("valid");
        let labels: Vec<_> = endpoints
            .list
            .iter()
            .map(|endpoint| endpoint.label.as_str())
            .collect();
        assert_eq!(labels, ["l1.example:443", "b:8546"]);
        assert!(!format!("{endpoints:?}").contains("secret"));
    }

    #[test]
    fn endpoints_that_failed_come_last() {
        let urls: Vec<_> = (0..3).map(|index| format!("http://host{index}")).collect();
        let endpoints = Endpoints::new(&urls, RequestConfig::default()).expect("valid");
        let order = || {
            endpoints
                .in_order()
                .map(|endpoint| endpoint.label.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(order(), ["host0:80", "host1:80", "host2:80"]);
        *endpoints.list[0].down_until.lock() = Some(Instant::now() + Duration::from_secs(60));
        assert_eq!(order(), ["host1:80", "host2:80", "host0:80"]);
    }
}
