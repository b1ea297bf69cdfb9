//! What payer and worker say to each other, as JSON, over HTTP or in files (`docs/guides/inference.md`).
//!
//! A call takes two steps, so that neither gives first what matters. The payer asks, by a [`CallRequest`] that his key signed; the worker
//! runs the model and answers an [`Offer`]: what the call costs, and the hashes of the output and of its sketches. The payer signs the
//! voucher for all his calls and this one; the worker, once it has that on disk, answers the output. Whoever breaks off costs the other
//! one call at most: the worker its computation, the payer the call's price.

use super::{call_hash, calls::Call, output_hash, recover, sign};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_signer_local::PrivateKeySigner;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// Longest prompt, bytes.
pub const PROMPT_BYTES_MAX: usize = 256 << 10;
/// Longest output, bytes.
pub const OUTPUT_BYTES_MAX: usize = 1 << 20;
/// Longest body of a message to the worker, bytes: the longest prompt with every byte escaped, and the rest.
pub const BODY_BYTES_MAX: usize = 6 * PROMPT_BYTES_MAX + 4_096;
/// Longest body of a worker's answer, bytes: the longest output with every byte escaped, and the rest.
pub const ANSWER_BYTES_MAX: usize = 6 * OUTPUT_BYTES_MAX + 4_096;

/// What is wrong with a message.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// It is too long.
    #[error("more than {max} bytes")]
    TooLong {
        /// The limit.
        max: usize,
    },
    /// It has another form.
    #[error("not the form that is expected: {0}")]
    Json(#[source] serde_json::Error),
}

/// Asks for a call of a channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CallRequest {
    /// The channel.
    pub channel: B256,
    /// Which call of it, from 1.
    pub number: u64,
    /// What the model is asked.
    pub prompt: String,
    /// Most tokens that the payer pays for in the output.
    pub tokens_out_max: u32,
    /// Of [`call_hash`], by a key whose vouchers count.
    pub signature: Bytes,
}

impl CallRequest {
    /// Signs a request.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn new(
        key: &PrivateKeySigner,
        chain_id: u64,
        channel: B256,
        number: u64,
        prompt: String,
        tokens_out_max: u32,
    ) -> Result<Self, alloy_signer::Error> {
        let prompt_hash = keccak256(&prompt);
        let hash = call_hash(chain_id, channel, number, prompt_hash, tokens_out_max);
        Ok(Self {
            channel,
            number,
            prompt,
            tokens_out_max,
            signature: sign(key, hash)?,
        })
    }

    /// Hash of the prompt.
    pub fn prompt_hash(&self) -> B256 {
        keccak256(&self.prompt)
    }

    /// Whose key signed it; `None` if none did.
    pub fn signer(&self, chain_id: u64) -> Option<Address> {
        let hash = call_hash(
            chain_id,
            self.channel,
            self.number,
            self.prompt_hash(),
            self.tokens_out_max,
        );
        recover(&self.signature, hash)
    }
}

/// Asks again for the output of the call that was paid last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutputRequest {
    /// The channel.
    pub channel: B256,
    /// Which call of it, from 1: the newest that is paid.
    pub number: u64,
    /// Of [`output_hash`], by a key whose vouchers count.
    pub signature: Bytes,
}

impl OutputRequest {
    /// Signs a request.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn new(
        key: &PrivateKeySigner,
        chain_id: u64,
        channel: B256,
        number: u64,
    ) -> Result<Self, alloy_signer::Error> {
        Ok(Self {
            channel,
            number,
            signature: sign(key, output_hash(chain_id, channel, number))?,
        })
    }

    /// Whose key signed it; `None` if none did.
    pub fn signer(&self, chain_id: u64) -> Option<Address> {
        let hash = output_hash(chain_id, self.channel, self.number);
        recover(&self.signature, hash)
    }
}

/// Asks for the answer to a request with escrow, whose prompt's hash is on chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PromptMessage {
    /// What names the request.
    pub request_id: B256,
    /// What the model is asked.
    pub prompt: String,
}

/// What a worker would do a call for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Offer {
    /// The channel.
    pub channel: B256,
    /// The call, its price and its hashes.
    pub call: Call,
    /// Seconds that its voucher must be good for at least.
    pub expiry_min_seconds: u64,
}

/// What a paid call or a fulfilled request gave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Answer {
    /// What names the call.
    pub request_id: B256,
    /// The model's output.
    pub output: String,
    /// Its tokens.
    pub tokens_out: u32,
}

/// Where a channel stands at its worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChannelStatus {
    /// The channel.
    pub channel: B256,
    /// Paid calls.
    pub count: u64,
}

/// What a worker serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkerStatus {
    /// The chain's id.
    pub chain_id: u64,
    /// The worker: the payee of channels.
    pub worker: Address,
    /// The adapter.
    pub adapter: u64,
    /// Least platform fee of a channel, wei.
    #[serde(with = "alloy_serde::quantity")]
    pub platform_fee: u128,
    /// Most tokens out that a call may ask for.
    pub tokens_out_max: u32,
    /// Longest prompt, bytes.
    pub prompt_bytes_max: u64,
    /// Seconds that a voucher must be good for at least.
    pub expiry_min_seconds: u64,
}

/// What a worker says no with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RefusalMessage {
    /// The refusal's name.
    pub error: String,
    /// What is wrong, and what to do.
    pub message: String,
}

/// Reads a message of at most `max` bytes.
///
/// # Errors
/// If it is too long or has another form.
pub fn parse<T: DeserializeOwned>(bytes: &[u8], max: usize) -> Result<T, MessageError> {
    if bytes.len() > max {
        return Err(MessageError::TooLong { max });
    }
    serde_json::from_slice(bytes).map_err(MessageError::Json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_its_signer_s_with_this_prompt_alone() {
        let key = PrivateKeySigner::random();
        let request =
            CallRequest::new(&key, 1, B256::repeat_byte(2), 3, "prompt".to_owned(), 4).unwrap();
        assert_eq!(request.signer(1), Some(key.address()));
        for change in [
            |request: &mut CallRequest| request.number += 1,
            |request: &mut CallRequest| request.prompt.push(' '),
            |request: &mut CallRequest| request.tokens_out_max += 1,
            |request: &mut CallRequest| request.channel = B256::ZERO,
            |request: &mut CallRequest| request.signature = Bytes::new(),
        ] {
            let mut other = request.clone();
            change(&mut other);
            assert_ne!(other.signer(1), Some(key.address()));
        }
    }

    #[test]
    fn messages_are_bounded_and_of_one_form() {
        let request = PromptMessage {
            request_id: B256::ZERO,
            prompt: "\u{1}".repeat(PROMPT_BYTES_MAX),
        };
        let bytes = serde_json::to_vec(&request).unwrap();
        assert_eq!(
            parse::<PromptMessage>(&bytes, BODY_BYTES_MAX).unwrap(),
            request
        );
        let short = parse::<PromptMessage>(&bytes, bytes.len() - 1);
        assert!(matches!(short, Err(MessageError::TooLong { .. })));
        for wrong in [
            &b"{}"[..],
            b"",
            b"{\"requestId\":\"0x00\",\"prompt\":\"\"}",
            b"\xff",
        ] {
            assert!(matches!(
                parse::<PromptMessage>(wrong, 99),
                Err(MessageError::Json(_))
            ));
        }
        let extra = br#"{"error":"a","message":"b","more":1}"#;
        assert!(parse::<RefusalMessage>(extra, 99).is_ok());
    }
}
