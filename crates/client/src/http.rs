//! JSON-RPC over HTTP, with answers of bounded length.
//!
//! A node is whoever answers at a URL. What it sends is read piece by piece and given up when it is longer than any
//! answer should be, so that it can't fill this machine's memory.

use alloy_primitives::{Bytes, hex};
use reqwest::{Client, Url};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, value::RawValue};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// Longest answer that is read, bytes: twice what our own node gives at most, and as much as services give.
pub(crate) const ANSWER_BYTES_MAX: usize = 128 << 20;

/// An answer that was longer than it may be, and wasn't read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the node answers more than {limit} bytes: ask another node")]
pub(crate) struct TooLong {
    /// Most bytes.
    pub(crate) limit: usize,
}

/// Why a request has no result.
#[derive(Debug)]
pub(crate) enum HttpFailure {
    /// The node says why.
    Error(RpcError),
    /// An HTTP status that says no, without words of JSON-RPC.
    Status(u16),
    /// More than is read.
    TooLong(TooLong),
    /// Not what a node answers, or not what was asked for.
    Malformed(serde_json::Error),
    /// Nothing, or it broke off. The client's own words would repeat the URL.
    Silence,
}

/// An error of JSON-RPC.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct RpcError {
    /// Its number.
    #[serde(default)]
    code: i64,
    /// In the node's words.
    #[serde(default)]
    pub(crate) message: String,
    /// More of it.
    #[serde(default)]
    data: Value,
}

/// Code of an error that is a revert.
const REVERTED: i64 = 3;

impl RpcError {
    /// What a call reverted with; `None` if the error is something else.
    pub(crate) fn revert_data(&self) -> Option<Bytes> {
        let is_revert = self.code == REVERTED || self.message.contains("revert");
        is_revert.then(|| find_data(&self.data)).flatten()
    }
}

/// The first hexadecimal string: nodes put it into objects of their own.
fn find_data(value: &Value) -> Option<Bytes> {
    match value {
        Value::String(text) => hex::decode(text.strip_prefix("0x")?).ok().map(Bytes::from),
        // No deeper than a parser of JSON goes.
        Value::Object(fields) => fields.values().find_map(find_data),
        _ => None,
    }
}

/// A node's URL, which may hold a key and is never shown.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    url: Url,
    next_id: Arc<AtomicU64>,
    answer_bytes_max: usize,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Http")
    }
}

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'a str,
    id: u64,
    method: &'a str,
    params: P,
}

#[derive(Deserialize)]
struct Answer<'a> {
    /// JSON's null is a result, too: it reads as none.
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(default)]
    error: Option<RpcError>,
}

impl Http {
    /// Of the node at a URL.
    ///
    /// # Errors
    /// If this machine can't speak HTTPS.
    pub(crate) fn new(url: Url) -> Result<Self, reqwest::Error> {
        Ok(Self {
            client: Client::builder().build()?,
            url,
            next_id: Arc::default(),
            answer_bytes_max: ANSWER_BYTES_MAX,
        })
    }

    /// Asks, and reads the result.
    pub(crate) async fn request<P: Serialize, R: DeserializeOwned>(
        &self,
        method: &str,
        params: P,
    ) -> Result<R, HttpFailure> {
        let request = Request {
            jsonrpc: "2.0",
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            method,
            params,
        };
        let request = serde_json::to_vec(&request).map_err(HttpFailure::Malformed)?;
        let (status, body) = self.post(request).await?;
        let answer: Answer<'_> = match serde_json::from_slice(&body) {
            Ok(answer) => answer,
            Err(_) if !status.is_success() => return Err(HttpFailure::Status(status.as_u16())),
            Err(error) => return Err(HttpFailure::Malformed(error)),
        };
        match answer {
            Answer {
                error: Some(error), ..
            } => Err(HttpFailure::Error(error)),
            _ if !status.is_success() => Err(HttpFailure::Status(status.as_u16())),
            Answer { result, .. } => {
                let result = result.map_or("null", RawValue::get);
                serde_json::from_str(result).map_err(HttpFailure::Malformed)
            }
        }
    }

    async fn post(&self, request: Vec<u8>) -> Result<(reqwest::StatusCode, Vec<u8>), HttpFailure> {
        let silence = |_: reqwest::Error| HttpFailure::Silence;
        let mut response = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .body(request)
            .send()
            .await
            .map_err(silence)?;
        let limit = self.answer_bytes_max;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(silence)? {
            if body.len().saturating_add(chunk.len()) > limit {
                return Err(HttpFailure::TooLong(TooLong { limit }));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::io::{Read, Write};

    /// A server that answers every connection's first request with these bytes, over and over where they repeat
    /// without an end. Answers its URL.
    pub(crate) fn serve(head: &'static str, body: &'static str, is_endless: bool) -> Url {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            while let Ok((mut socket, _)) = listener.accept() {
                let mut request = [0; 4096];
                let _ = socket.read(&mut request);
                let _ = write!(
                    socket,
                    "HTTP/1.1 {head}\r\nconnection: close\r\ncontent-type: application/json\r\n\r\n{body}"
                );
                // Until the reader has had enough.
                let more = body.repeat(4096);
                while is_endless && socket.write_all(more.as_bytes()).is_ok() {}
            }
        });
        format!("http://127.0.0.1:{port}/secret").parse().unwrap()
    }

    fn http(url: Url, answer_bytes_max: usize) -> Http {
        Http {
            answer_bytes_max,
            ..Http::new(url).unwrap()
        }
    }

    #[tokio::test]
    async fn an_answer_without_an_end_isn_t_read_to_its_end() {
        const LIMIT: usize = 1 << 16;
        let url = serve("200 OK", "                ", true);
        let failure = http(url, LIMIT).request::<_, Value>("a", ()).await;
        assert!(
            matches!(failure, Err(HttpFailure::TooLong(TooLong { limit: LIMIT }))),
            "{failure:?}"
        );
        // An error's words are as little trusted.
        let url = serve("500 Internal Server Error", "                ", true);
        let failure = http(url, LIMIT).request::<_, Value>("a", ()).await;
        assert!(
            matches!(failure, Err(HttpFailure::TooLong(_))),
            "{failure:?}"
        );
    }

    #[tokio::test]
    async fn results_errors_and_reverts_are_told_apart() {
        let ask = async |head, body| {
            let url = serve(head, body, false);
            http(url, 1 << 16).request::<_, Option<u64>>("a", ()).await
        };
        let ok = "200 OK";
        let result = ask(ok, r#"{"jsonrpc":"2.0","id":0,"result":7}"#).await;
        assert!(matches!(result, Ok(Some(7))), "{result:?}");
        let result = ask(ok, r#"{"jsonrpc":"2.0","id":0,"result":null}"#).await;
        assert!(matches!(result, Ok(None)), "{result:?}");
        for body in [
            r#"{"error":{"code":3,"message":"execution reverted","data":"0x0102"}}"#,
            r#"{"error":{"code":-32000,"message":"reverted","data":{"in":{"data":"0x0102"}}}}"#,
        ] {
            let Err(HttpFailure::Error(error)) = ask("200 OK", body).await else {
                panic!("{body}")
            };
            assert_eq!(error.revert_data(), Some(Bytes::from(vec![1, 2])));
        }
        // Words of JSON-RPC are looked for whatever the status is.
        let body = r#"{"error":{"code":-32005,"message":"too many logs","data":"0x01"}}"#;
        let Err(HttpFailure::Error(error)) = ask("400 Bad Request", body).await else {
            panic!("{body}")
        };
        assert_eq!(
            (error.message.as_str(), error.revert_data()),
            ("too many logs", None)
        );
        let busy = ask("503 Service Unavailable", "later").await;
        assert!(matches!(busy, Err(HttpFailure::Status(503))), "{busy:?}");
        for body in ["[", r#"{"result":"text"}"#] {
            let other = ask(ok, body).await;
            assert!(matches!(other, Err(HttpFailure::Malformed(_))), "{other:?}");
        }
    }
}
