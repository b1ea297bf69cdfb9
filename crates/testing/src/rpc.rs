//! JSON-RPC over one connection, for set-up and checks: what is measured renders its requests beforehand.

use crate::http::{Connection, Request};
use alloy_primitives::{Address, B256, U64};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

/// Calls in one batch.
pub const BATCH_MAX: usize = 100;

/// An error that the node answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("error {code}: {message}")]
pub struct Refusal {
    /// The JSON-RPC code.
    pub code: i64,
    /// The node's words.
    pub message: String,
}

impl Refusal {
    /// Whether the node doesn't have the method.
    pub const fn is_unknown_method(&self) -> bool {
        self.code == -32601
    }

    fn from_value(error: &Value) -> Self {
        Self {
            code: error["code"].as_i64().unwrap_or_default(),
            message: error["message"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

/// A JSON-RPC client.
#[derive(Debug)]
pub struct Client {
    connection: Connection,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// The connection is refused.
    pub async fn open(address: SocketAddr) -> Result<Self> {
        Ok(Self {
            connection: Connection::open(address).await?,
        })
    }

    /// Calls a method; `Ok(Err(_))` is the node's refusal.
    ///
    /// # Errors
    /// A broken connection or an answer that is no JSON-RPC.
    pub async fn try_call(
        &mut self,
        method: &str,
        params: Value,
    ) -> Result<std::result::Result<Value, Refusal>> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = Request::json(&serde_json::to_vec(&body)?);
        let response = self
            .connection
            .post(&request)
            .await
            .context(method.to_owned())?;
        let mut response: Value = serde_json::from_slice(response).context(method.to_owned())?;
        answer(&mut response).with_context(|| method.to_owned())
    }

    /// Calls a method.
    ///
    /// # Errors
    /// As [`Client::try_call`], or the node's [`Refusal`].
    pub async fn call(&mut self, method: &str, params: Value) -> Result<Value> {
        self.try_call(method, params)
            .await?
            .with_context(|| method.to_owned())
    }

    /// Calls a method with many parameters in batches of [`BATCH_MAX`]; answers in order.
    ///
    /// # Errors
    /// As [`Client::call`], for the first that fails.
    pub async fn call_each(&mut self, method: &str, params: &[Value]) -> Result<Vec<Value>> {
        let mut answers = Vec::with_capacity(params.len());
        for chunk in params.chunks(BATCH_MAX) {
            let body: Vec<Value> = chunk
                .iter()
                .enumerate()
                .map(|(id, params)| json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }))
                .collect();
            let request = Request::json(&serde_json::to_vec(&body)?);
            let response = self.connection.post(&request).await?;
            let mut response: Vec<Value> = serde_json::from_slice(response)?;
            if response.len() != chunk.len() {
                bail!(
                    "{method}: {} answers to {} calls",
                    response.len(),
                    chunk.len()
                );
            }
            response.sort_by_key(|answer| answer["id"].as_u64());
            for one in &mut response {
                answers.push(answer(one)?.with_context(|| method.to_owned())?);
            }
        }
        Ok(answers)
    }

    /// Sends a rendered request and answers the body.
    ///
    /// # Errors
    /// As [`Connection::post`].
    pub async fn post(&mut self, request: &Request) -> Result<&[u8]> {
        self.connection.post(request).await
    }

    /// The chain id.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn chain_id(&mut self) -> Result<u64> {
        quantity(&self.call("eth_chainId", json!([])).await?)
    }

    /// The newest sealed block's number.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn block_number(&mut self) -> Result<u64> {
        quantity(&self.call("eth_blockNumber", json!([])).await?)
    }

    /// An account's nonce at `block`.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn nonce(&mut self, address: Address, block: &str) -> Result<u64> {
        quantity(
            &self
                .call("eth_getTransactionCount", json!([address, block]))
                .await?,
        )
    }

    /// A sealed block's hash; `None` if there is none with this number.
    ///
    /// # Errors
    /// As [`Client::call`].
    pub async fn block_hash(&mut self, number: u64) -> Result<Option<B256>> {
        let block = self
            .call("eth_getBlockByNumber", json!([U64::from(number), false]))
            .await?;
        if block.is_null() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_value(block["hash"].clone())?))
    }

    /// Waits until every account has reached its nonce at `latest`.
    ///
    /// Asks for one account until it is there, then for the others, so that waiting costs the node little.
    ///
    /// # Errors
    /// As [`Client::call`], or nothing moved for `patience`.
    pub async fn wait_for_nonces(
        &mut self,
        mut expected: Vec<(Address, u64)>,
        patience: Duration,
    ) -> Result<()> {
        let mut moved = Instant::now();
        let mut last = None;
        while let Some(&(address, nonce)) = expected.last() {
            let now = self.nonce(address, "latest").await?;
            if now < nonce {
                if last != Some((address, now)) {
                    last = Some((address, now));
                    moved = Instant::now();
                }
                if moved.elapsed() > patience {
                    bail!("{address} stays at nonce {now}, {nonce} was expected");
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
                continue;
            }
            let from = expected.len().saturating_sub(BATCH_MAX);
            let params: Vec<Value> = expected[from..]
                .iter()
                .map(|(address, _)| json!([address, "latest"]))
                .collect();
            let nonces = self.call_each("eth_getTransactionCount", &params).await?;
            let mut left = Vec::new();
            for (nonce, account) in nonces.iter().zip(&expected[from..]) {
                if quantity(nonce)? < account.1 {
                    left.push(*account);
                }
            }
            expected.truncate(from);
            expected.append(&mut left);
        }
        Ok(())
    }
}

fn answer(response: &mut Value) -> Result<std::result::Result<Value, Refusal>> {
    if let Some(error) = response.get("error") {
        return Ok(Err(Refusal::from_value(error)));
    }
    let result = response
        .get_mut("result")
        .context("an answer without result")?;
    Ok(Ok(result.take()))
}

/// A hex quantity.
///
/// # Errors
/// Anything else.
pub fn quantity(value: &Value) -> Result<u64> {
    let number: U64 = serde_json::from_value(value.clone())
        .with_context(|| format!("a quantity, not {value}"))?;
    Ok(number.to())
}

/// The first error of a response that should have none, without parsing responses that are fine.
///
/// # Errors
/// The [`Refusal`], or a response that mentions an error and is no JSON-RPC.
pub fn check(response: &[u8]) -> Result<()> {
    if !contains(response, b"\"error\"") {
        return Ok(());
    }
    let value: Value = serde_json::from_slice(response)?;
    let single = [value];
    let answers = match &single[0] {
        Value::Array(answers) => answers.as_slice(),
        _ => &single,
    };
    match answers.iter().find_map(|answer| answer.get("error")) {
        Some(error) => Err(Refusal::from_value(error).into()),
        None => Ok(()),
    }
}

/// Whether `needle` occurs.
pub fn contains(bytes: &[u8], needle: &[u8]) -> bool {
    count(bytes, needle, 1) == 1
}

/// How often `needle` occurs, up to `max` times.
pub fn count(bytes: &[u8], needle: &[u8], max: usize) -> usize {
    let Some((&first, _)) = needle.split_first() else {
        return 0;
    };
    let (mut at, mut found) = (0, 0);
    while found < max
        && let Some(offset) = bytes[at..].iter().position(|byte| *byte == first)
    {
        at += offset;
        if bytes[at..].starts_with(needle) {
            found += 1;
            at += needle.len();
        } else {
            at += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_error_of_a_batch_is_found() {
        assert!(check(br#"[{"id":1,"result":"0x1"},{"id":2,"result":"error"}]"#).is_ok());
        let error =
            check(br#"[{"id":1,"result":"0x1"},{"id":2,"error":{"code":-32000,"message":"no"}}]"#)
                .unwrap_err();
        assert_eq!(
            error.downcast_ref(),
            Some(&Refusal {
                code: -32000,
                message: "no".to_owned()
            })
        );
        assert!(check(br#"{"id":1,"error":{"code":-32601,"message":"no"}}"#).is_err());
    }

    #[test]
    fn occurrences_are_counted() {
        assert_eq!(count(b"aXaXXa", b"aX", usize::MAX), 2);
        assert_eq!(count(b"aXaXXa", b"aX", 1), 1);
        assert_eq!(count(b"", b"aX", 1), 0);
        assert!(contains(b"..\"error\"..", b"\"error\""));
    }
}
