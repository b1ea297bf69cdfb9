//! A worker's HTTP endpoint, asked.

use super::{
    SignedVoucher,
    message::{
        ANSWER_BYTES_MAX, Answer, CallRequest, ChannelStatus, Offer, OutputRequest, PromptMessage,
        RefusalMessage, WorkerStatus, parse,
    },
};
use alloy_primitives::B256;
use anyhow::{Context, anyhow, ensure};
use reqwest::{Client, RequestBuilder, Url, redirect::Policy};
use serde::{Serialize, de::DeserializeOwned};
use std::time::Duration;

/// How long a worker may take: its model, and what waits before it.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(3_600);
/// How long a connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Longest text of a refusal that is shown, characters.
const MESSAGE_CHARS_MAX: usize = 500;

/// What a worker said no with.
#[derive(Debug, thiserror::Error)]
#[error("the worker refuses: {message} ({error})")]
pub struct WorkerRefusal {
    /// The refusal's name.
    pub error: String,
    /// In words.
    pub message: String,
}

/// A worker, by HTTP. Its URL may hold a key, and is never repeated.
#[derive(Debug, Clone)]
pub struct WorkerClient {
    client: Client,
    base: Url,
}

impl WorkerClient {
    /// A worker at a URL.
    ///
    /// # Errors
    /// A URL that is none.
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let base: Url = url.parse().context("the worker's URL is none")?;
        ensure!(
            matches!(base.scheme(), "http" | "https"),
            "the worker's URL is none of http or https"
        );
        let client = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(ANSWER_TIMEOUT)
            .build()?;
        Ok(Self { client, base })
    }

    /// What it serves.
    ///
    /// # Errors
    /// [`WorkerRefusal`], or no answer that can be understood; as all below.
    pub async fn status(&self) -> anyhow::Result<WorkerStatus> {
        self.send(self.client.get(self.url("status"))).await
    }

    /// Where a channel stands.
    ///
    /// # Errors
    /// [`WorkerRefusal`].
    pub async fn channel(&self, channel: B256) -> anyhow::Result<ChannelStatus> {
        let url = self.url(&format!("channels/{channel}"));
        self.send(self.client.get(url)).await
    }

    /// Asks for a call.
    ///
    /// # Errors
    /// [`WorkerRefusal`].
    pub async fn call(&self, request: &CallRequest) -> anyhow::Result<Offer> {
        self.post("calls", request).await
    }

    /// Pays for a call.
    ///
    /// # Errors
    /// [`WorkerRefusal`].
    pub async fn pay(&self, signed: &SignedVoucher) -> anyhow::Result<Answer> {
        self.post("vouchers", signed).await
    }

    /// Asks again for the output of the call that was paid last.
    ///
    /// # Errors
    /// [`WorkerRefusal`].
    pub async fn output(&self, request: &OutputRequest) -> anyhow::Result<Answer> {
        self.post("outputs", request).await
    }

    /// Hands over the prompt of a request with escrow.
    ///
    /// # Errors
    /// [`WorkerRefusal`].
    pub async fn request(&self, message: &PromptMessage) -> anyhow::Result<Answer> {
        self.post("requests", message).await
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        let joined = format!("{}/v1/{path}", url.path().trim_end_matches('/'));
        url.set_path(&joined);
        url
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        message: &impl Serialize,
    ) -> anyhow::Result<T> {
        let body = serde_json::to_vec(message)?;
        let request = self
            .client
            .post(self.url(path))
            .header("content-type", "application/json")
            .body(body);
        self.send(request).await
    }

    async fn send<T: DeserializeOwned>(&self, request: RequestBuilder) -> anyhow::Result<T> {
        // The client's own text names the whole URL.
        let failed =
            |error: reqwest::Error| anyhow!("the worker doesn't answer: {}", error.without_url());
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            ensure!(
                body.len().saturating_add(chunk.len()) <= ANSWER_BYTES_MAX,
                "the worker answers more than {ANSWER_BYTES_MAX} bytes"
            );
            body.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return parse(&body, ANSWER_BYTES_MAX).context("the worker answers in another form");
        }
        let Ok(refusal) = parse::<RefusalMessage>(&body, ANSWER_BYTES_MAX) else {
            return Err(anyhow!("the worker answers with HTTP status {status}"));
        };
        // For a terminal: nothing that controls it.
        let cut = |text: String| -> String {
            let shown = text.chars().filter(|char| !char.is_control());
            shown.take(MESSAGE_CHARS_MAX).collect()
        };
        Err(WorkerRefusal {
            error: cut(refusal.error),
            message: cut(refusal.message),
        }
        .into())
    }
}
