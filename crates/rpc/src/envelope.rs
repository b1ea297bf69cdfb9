//! JSON-RPC 2.0 envelopes: a body becomes calls, an outcome becomes an answer.

use crate::{
    error::{ErrorData, Failure, RequestError},
    params::Params,
    quantity,
    reply::Reply,
    workers::Deadline,
};
use alloy_primitives::hex;
use axum::body::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, time::Duration};

/// A request's id as it was written; `None` for a notification, which gets no answer.
pub(crate) type Id = Option<Bytes>;

/// What a body asks for.
#[derive(Debug)]
pub(crate) enum Body {
    /// One call.
    Single(Parsed),
    /// Several, in order.
    Batch(Vec<Parsed>),
}

/// One request, which may be malformed.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// Its id; of a malformed request that which could be read, or null.
    pub(crate) id: Id,
    /// The call.
    pub(crate) call: Result<Call, Failure>,
}

/// One call.
#[derive(Debug)]
pub(crate) struct Call {
    /// The method's name.
    pub(crate) method: Name,
    /// Its parameters.
    pub(crate) params: Bytes,
}

/// A method's name: a slice of the body, or unescaped from it.
#[derive(Debug)]
pub(crate) enum Name {
    Slice(Bytes),
    Unescaped(String),
}

impl Name {
    /// The text.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            // A slice of a JSON string without escapes, which is UTF-8.
            Self::Slice(bytes) => std::str::from_utf8(bytes).unwrap_or_default(),
            Self::Unescaped(name) => name,
        }
    }
}

#[derive(Deserialize)]
struct Request<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
}

/// The JSON `null`, as an id.
pub(crate) const fn null_id() -> Id {
    Some(Bytes::from_static(b"null"))
}

impl Body {
    /// Parses a body.
    ///
    /// # Errors
    /// If it is no JSON at all, an empty batch, or a batch of more than `batch_max` requests. A malformed
    /// request in a batch spoils only itself.
    pub(crate) fn parse(body: &Bytes, batch_max: usize) -> Result<Self, Failure> {
        match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
            Some(b'[') => {
                let items: Vec<&RawValue> = serde_json::from_slice(body).map_err(Failure::Parse)?;
                if items.is_empty() {
                    return Err(Failure::Request(RequestError::EmptyBatch));
                }
                if items.len() > batch_max {
                    return Err(Failure::Limit {
                        what: "requests in a batch",
                        limit: "batch_requests_max",
                        max: batch_max as u64,
                    });
                }
                Ok(Self::Batch(
                    items.into_iter().map(|raw| parse_item(body, raw)).collect(),
                ))
            }
            Some(b'{') => match serde_json::from_slice::<Request<'_>>(body) {
                Ok(request) => Ok(Self::Single(request.into_parsed(body))),
                Err(error) if error.is_data() => {
                    // It is JSON, but a field is there twice, say.
                    Ok(Self::Single(malformed(RequestError::NotAnObject)))
                }
                Err(error) => Err(Failure::Parse(error)),
            },
            _ => match serde_json::from_slice::<&RawValue>(body) {
                Ok(_) => Ok(Self::Single(malformed(RequestError::NotAnObject))),
                Err(error) => Err(Failure::Parse(error)),
            },
        }
    }
}

fn parse_item(body: &Bytes, raw: &RawValue) -> Parsed {
    match serde_json::from_str::<Request<'_>>(raw.get()) {
        Ok(request) if raw.get().starts_with('{') => request.into_parsed(body),
        _ => malformed(RequestError::NotAnObject),
    }
}

fn malformed(error: RequestError) -> Parsed {
    Parsed {
        id: null_id(),
        call: Err(Failure::Request(error)),
    }
}

impl Request<'_> {
    fn into_parsed(self, body: &Bytes) -> Parsed {
        let slice = |raw: &RawValue| body.slice_ref(raw.get().as_bytes());
        let id = match self.id {
            None => None,
            Some(raw) => match raw.get().as_bytes().first() {
                Some(b'"' | b'n' | b'-' | b'0'..=b'9') => Some(slice(raw)),
                _ => return malformed(RequestError::Id),
            },
        };
        let refuse = |id: Id, error| Parsed {
            id: id.or_else(null_id),
            call: Err(Failure::Request(error)),
        };
        if self
            .jsonrpc
            .is_none_or(|version| version.get() != "\"2.0\"")
        {
            return refuse(id, RequestError::Version);
        }
        let Some(method) = self.method.filter(|method| method.get().starts_with('"')) else {
            return refuse(id, RequestError::Method);
        };
        let json = method.get();
        let name = if json.contains('\\') {
            match serde_json::from_str::<Cow<'_, str>>(json) {
                Ok(name) => Name::Unescaped(name.into_owned()),
                Err(_) => return refuse(id, RequestError::Method),
            }
        } else {
            Name::Slice(slice(method).slice(1..json.len() - 1))
        };
        let params = self.params.map(slice).unwrap_or_default();
        Parsed {
            id,
            call: Ok(Call {
                method: name,
                params,
            }),
        }
    }
}

/// Appends the answer to the request with this id; nothing if there is none.
pub(crate) fn write_answer(out: &mut Vec<u8>, id: &Id, outcome: &Result<Reply, Failure>) {
    let Some(id) = id else { return };
    match outcome {
        Ok(reply) => {
            let result = reply.as_json();
            out.reserve(34 + id.len() + result.len());
            out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
            out.extend_from_slice(id);
            out.extend_from_slice(b",\"result\":");
            out.extend_from_slice(result);
            out.push(b'}');
        }
        Err(failure) => {
            out.extend_from_slice(b"{\"jsonrpc\":\"2.0\",\"id\":");
            out.extend_from_slice(id);
            out.extend_from_slice(b",\"error\":");
            write_error(out, failure);
            out.push(b'}');
        }
    }
}

/// Appends a JSON-RPC error object.
pub(crate) fn write_error(out: &mut Vec<u8>, failure: &Failure) {
    let message = failure.to_string();
    out.extend_from_slice(b"{\"code\":");
    out.extend_from_slice(failure.code().to_string().as_bytes());
    out.extend_from_slice(b",\"message\":");
    // Writing a string into a vector can't fail.
    let _ = serde_json::to_writer(&mut *out, &message);
    match failure.data() {
        Some(ErrorData::Bytes(data)) => {
            out.extend_from_slice(b",\"data\":\"0x");
            out.extend_from_slice(hex::encode(&data).as_bytes());
            out.push(b'"');
        }
        Some(ErrorData::Quantity(value)) => {
            out.extend_from_slice(b",\"data\":\"");
            let mut buffer = [0; 34];
            out.extend_from_slice(quantity::format(u128::from(value), &mut buffer).as_bytes());
            out.push(b'"');
        }
        None => {}
    }
    out.push(b'}');
}

/// Parses a body as the server would, and its parameters as every method would that takes such: the
/// target of the fuzzer `rpc_body`. Never panics, whatever it is given.
pub fn rpc_body(data: &[u8]) {
    let body = Bytes::copy_from_slice(data);
    let parsed = match Body::parse(&body, crate::Limits::default().batch_requests_max) {
        Ok(Body::Single(parsed)) => vec![parsed],
        Ok(Body::Batch(parsed)) => parsed,
        Err(failure) => {
            let mut out = Vec::new();
            write_answer(&mut out, &null_id(), &Err(failure));
            return;
        }
    };
    let mut out = Vec::new();
    for Parsed { id, call } in parsed {
        let outcome = call.map(|call| {
            let _ = call.method.as_str();
            let deadline = Deadline::new("request_timeout", Duration::from_secs(60));
            crate::fuzz::params(&Params::new(call.params, deadline));
            Reply::NULL
        });
        write_answer(&mut out, &id, &outcome);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Body, Failure> {
        Body::parse(&Bytes::copy_from_slice(text.as_bytes()), 3)
    }

    fn code(result: Result<Body, Failure>) -> i64 {
        match result {
            Err(failure) => failure.code(),
            Ok(Body::Single(Parsed {
                call: Err(failure), ..
            })) => failure.code(),
            Ok(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn bad_bodies_have_the_right_codes() {
        for text in [
            "",
            " ",
            "{",
            "{]",
            "[",
            "nonsense",
            "[1,",
            "\"a",
            "{\"a\":1}}",
            "\u{feff}{}",
        ] {
            assert_eq!(code(parse(text)), -32700, "{text:?}");
        }
        for text in [
            "[]",
            "1",
            "null",
            "\"text\"",
            "{}",
            r#"{"jsonrpc":"2.0","id":1}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":5}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"a"}"#,
            r#"{"id":1,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":{},"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":true,"method":"a"}"#,
            r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a"}"#,
        ] {
            assert_eq!(code(parse(text)), -32600, "{text}");
        }
        assert_eq!(code(parse("[1,2,3,4]")), -32005);
        assert_eq!(
            Body::parse(&Bytes::from_static(&[0xff, 0xfe]), 3)
                .unwrap_err()
                .code(),
            -32700
        );
    }

    #[test]
    fn one_bad_request_of_a_batch_spoils_only_itself() {
        let text = r#" [{"jsonrpc":"2.0","id":"a\n","method":"eth_chainId"}, 7, {"jsonrpc":"2.0","method":"x","params":[1]}]"#;
        let Ok(Body::Batch(calls)) = parse(text) else {
            panic!()
        };
        assert_eq!(calls[0].id.as_deref(), Some(&br#""a\n""#[..]));
        assert_eq!(
            calls[0].call.as_ref().unwrap().method.as_str(),
            "eth_chainId"
        );
        assert_eq!(calls[1].call.as_ref().unwrap_err().code(), -32600);
        assert_eq!(calls[1].id, null_id());
        assert_eq!(calls[2].id, None);
        assert_eq!(&calls[2].call.as_ref().unwrap().params[..], b"[1]");
    }

    #[test]
    fn escaped_names_are_read() {
        let Ok(Body::Single(parsed)) =
            parse(r#"{"jsonrpc":"2.0","id":1,"method":"eth\u005fcall"}"#)
        else {
            panic!()
        };
        assert_eq!(parsed.call.unwrap().method.as_str(), "eth_call");
    }

    #[test]
    fn answers_are_json() {
        let mut out = Vec::new();
        write_answer(&mut out, &Some(Bytes::from_static(b"7")), &Ok(Reply::TRUE));
        assert_eq!(out, br#"{"jsonrpc":"2.0","id":7,"result":true}"#);
        out.clear();
        let failure = Failure::UnknownMethod {
            method: "a\"b".into(),
        };
        write_answer(&mut out, &null_id(), &Err(failure));
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer["error"]["code"], -32601);
        assert!(
            answer["error"]["message"]
                .as_str()
                .unwrap()
                .contains("a\"b")
        );
        out.clear();
        let failure = Failure::Reverted {
            output: vec![1, 255].into(),
        };
        write_answer(&mut out, &null_id(), &Err(failure));
        let answer: serde_json::Value = serde_json::from_slice(&out).unwrap();
        assert_eq!(answer["error"]["data"], "0x01ff");
        out.clear();
        write_answer(&mut out, &None, &Ok(Reply::TRUE));
        assert!(out.is_empty());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(data in proptest::collection::vec(any::<u8>(), 0..300)) {
            rpc_body(&data);
        }

        #[test]
        fn arbitrary_calls_never_panic(params in "(\\[|\\{)?[\\[\\]{}\",:0-9a-fx \\\\nullatestfrom]{0,60}") {
            rpc_body(format!(r#"{{"jsonrpc":"2.0","id":1,"method":"x","params":[{params}]}}"#).as_bytes());
            rpc_body(format!(r#"[{{"jsonrpc":"2.0","id":1,"method":"x","params":{params}}}]"#).as_bytes());
        }
    }
}
