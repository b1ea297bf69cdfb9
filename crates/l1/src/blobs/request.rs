use reqwest::{Client, StatusCode, Url};
use std::time::Duration;

/// Why a source of blobs gave no answer that can be used. Sources are named without their URL's
/// path, which may hold a key.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The source can't be reached.
    #[error("{source_name}: {source}")]
    Transport {
        /// Host and port.
        source_name: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It answered by a status that says no.
    #[error("{source_name} answered with status {status}")]
    Status {
        /// Host and port.
        source_name: String,
        /// HTTP status.
        status: u16,
    },
    /// It answered more than was asked for.
    #[error("{source_name} answered more than {limit} bytes")]
    TooLong {
        /// Host and port.
        source_name: String,
        /// The limit, bytes.
        limit: usize,
    },
    /// The answer has another form than such answers have.
    #[error("{source_name}: {source}")]
    Malformed {
        /// Host and port.
        source_name: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// The answer lacks what a beacon node's specification must say.
    #[error("{source_name}: slots last {seconds} s, which is not possible")]
    Slots {
        /// Host and port.
        source_name: String,
        /// `SECONDS_PER_SLOT`.
        seconds: u64,
    },
    /// The block is older than the beacon chain.
    #[error(
        "{source_name}: L1 timestamp {timestamp} is before the beacon chain's first, {genesis}"
    )]
    BeforeGenesis {
        /// Host and port.
        source_name: String,
        /// The block's timestamp, seconds.
        timestamp: u64,
        /// Beacon genesis, seconds.
        genesis: u64,
    },
    /// A file can't be read.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl FetchError {
    /// The HTTP status, where that is what is wrong.
    pub(super) const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } => Some(*status),
            _ => None,
        }
    }
}

/// A client, a base URL and how it may be shown.
#[derive(Clone)]
pub(super) struct Http {
    client: Client,
    base: Url,
    label: String,
    timeout: Duration,
}

impl Http {
    pub(super) fn new(client: Client, base: Url, timeout: Duration) -> Self {
        let label = match (base.host_str(), base.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            (host, _) => host.unwrap_or("source").to_owned(),
        };
        Self {
            client,
            base,
            label,
            timeout,
        }
    }

    /// Host and port.
    pub(super) fn label(&self) -> &str {
        &self.label
    }

    /// The body of `GET base/path?query`, at most `limit` bytes.
    pub(super) async fn get(
        &self,
        path: &str,
        query: Option<&str>,
        limit: usize,
    ) -> Result<Vec<u8>, FetchError> {
        let mut url = self.base.clone();
        let joined = format!("{}/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        if let Some(query) = query {
            // What the operator's URL asks for (a key, perhaps) stays.
            let query = match url.query() {
                Some(before) => format!("{before}&{query}"),
                None => query.to_owned(),
            };
            url.set_query(Some(&query));
        }
        let source_name = || self.label.clone();
        let failed = |source: reqwest::Error| FetchError::Transport {
            source_name: source_name(),
            // The client's own text names the whole URL.
            source: source.without_url(),
        };
        let mut response = self
            .client
            .get(url)
            .header("accept", "application/json, application/octet-stream")
            .timeout(self.timeout)
            .send()
            .await
            .map_err(failed)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status {
                source_name: source_name(),
                status: response.status().as_u16(),
            });
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(FetchError::TooLong {
                    source_name: source_name(),
                    limit,
                });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

/// The label only: the URL may hold a key.
impl std::fmt::Debug for Http {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.label)
    }
}
