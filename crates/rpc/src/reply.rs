use crate::{error::Failure, quantity};
use serde::Serialize;
use std::{borrow::Cow, io};

/// A result, as JSON.
#[derive(Debug, Clone)]
pub(crate) struct Reply(Cow<'static, [u8]>);

impl Reply {
    /// `null`.
    pub(crate) const NULL: Self = Self(Cow::Borrowed(b"null"));
    /// `true`.
    pub(crate) const TRUE: Self = Self(Cow::Borrowed(b"true"));
    /// `false`.
    pub(crate) const FALSE: Self = Self(Cow::Borrowed(b"false"));

    /// Serializes a value, of at most `bytes_max` bytes.
    pub(crate) fn new<T: Serialize + ?Sized>(value: &T, bytes_max: usize) -> Result<Self, Failure> {
        let mut out = Bounded {
            bytes: Vec::with_capacity(128),
            max: bytes_max,
        };
        match serde_json::to_writer(&mut out, value) {
            Ok(()) => Ok(Self(Cow::Owned(out.bytes))),
            Err(error) if error.is_io() => Err(too_large(bytes_max)),
            Err(error) => Err(Failure::internal(error)),
        }
    }

    /// Serializes a value that is small by its type.
    pub(crate) fn small<T: Serialize + ?Sized>(value: &T) -> Result<Self, Failure> {
        serde_json::to_vec(value)
            .map(|json| Self(Cow::Owned(json)))
            .map_err(Failure::internal)
    }

    /// A hex quantity.
    pub(crate) fn quantity(value: impl Into<u128>) -> Self {
        let mut buffer = [0; 34];
        let text = quantity::format(value.into(), &mut buffer);
        let mut json = Vec::with_capacity(text.len() + 2);
        json.push(b'"');
        json.extend_from_slice(text.as_bytes());
        json.push(b'"');
        Self(Cow::Owned(json))
    }

    /// A boolean.
    pub(crate) const fn boolean(value: bool) -> Self {
        if value { Self::TRUE } else { Self::FALSE }
    }

    /// JSON that was made elsewhere.
    pub(crate) const fn json(json: Vec<u8>) -> Self {
        Self(Cow::Owned(json))
    }

    /// The JSON.
    pub(crate) fn as_json(&self) -> &[u8] {
        &self.0
    }
}

/// The failure of an answer above the limit.
pub(crate) const fn too_large(max: usize) -> Failure {
    Failure::Limit {
        what: "bytes of an answer",
        limit: "response_bytes_max",
        max: max as u64,
    }
}

/// A writer that refuses to grow above a limit.
struct Bounded {
    bytes: Vec<u8>,
    max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        if self.bytes.len().saturating_add(data.len()) > self.max {
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.bytes.extend_from_slice(data);
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_bounded() {
        assert_eq!(Reply::new("abc", 5).unwrap().as_json(), b"\"abc\"");
        let failure = Reply::new("abcd", 5).unwrap_err();
        assert_eq!(failure.code(), -32005);
        assert!(failure.to_string().contains("response_bytes_max"));
    }

    #[test]
    fn quantities() {
        assert_eq!(Reply::quantity(0_u64).as_json(), b"\"0x0\"");
        assert_eq!(Reply::quantity(255_u64).as_json(), b"\"0xff\"");
    }
}
