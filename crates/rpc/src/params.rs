//! Parameters of a request: read by position, strictly, with errors that name the parameter.

use crate::{
    error::Failure,
    quantity::{self, QuantityError},
    workers::Deadline,
};
use alloy_primitives::{Address, B256, Bytes as Data, U256, hex};
use axum::body::Bytes;
use serde::{Deserialize, Deserializer, de};
use serde_json::value::RawValue;
use std::{borrow::Cow, fmt};

/// What is wrong with a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ParamError {
    /// It isn't there.
    #[error("missing value for required argument")]
    Missing,
    /// The parameters as a whole are no array.
    #[error("non-array args")]
    NotAnArray,
    /// It is of another JSON type.
    #[error("expected {expected}")]
    Type {
        /// What it must be.
        expected: &'static str,
    },
    /// It is no quantity.
    #[error("{0}")]
    Quantity(#[from] QuantityError),
    /// It is no hex data.
    #[error("{0}")]
    Hex(HexError),
    /// It has another length.
    #[error("hex string has length {got}, want {want}")]
    Length {
        /// Hex digits given.
        got: usize,
        /// Hex digits wanted.
        want: usize,
    },
    /// It has more elements than allowed.
    #[error("{count} elements, at most {max}")]
    TooMany {
        /// Given.
        count: usize,
        /// Allowed.
        max: usize,
    },
    /// It is none of the words or forms that are allowed here.
    #[error("expected {expected}")]
    Unknown {
        /// What it must be.
        expected: &'static str,
    },
    /// It contradicts another parameter.
    #[error("{0}")]
    Conflict(&'static str),
}

/// Why a text is no hex data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HexError {
    /// No `0x`.
    #[error("hex string without 0x prefix")]
    Prefix,
    /// Half a byte.
    #[error("hex string of odd length")]
    Odd,
    /// Something that is no hex digit.
    #[error("invalid hex string")]
    Digit,
}

/// Where in the parameters a value stands, for errors. Lives on the stack.
#[derive(Clone, Copy)]
pub(crate) struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    segment: Segment<'a>,
}

#[derive(Clone, Copy)]
enum Segment<'a> {
    Name(&'a str),
    Index(usize),
}

impl<'a> Path<'a> {
    /// A parameter.
    pub(crate) const fn new(name: &'a str) -> Self {
        Self {
            parent: None,
            segment: Segment::Name(name),
        }
    }

    /// A field of an object.
    pub(crate) const fn field<'b>(&'b self, name: &'b str) -> Path<'b>
    where
        'a: 'b,
    {
        Path {
            parent: Some(self),
            segment: Segment::Name(name),
        }
    }

    /// An element of an array.
    pub(crate) const fn index<'b>(&'b self, index: usize) -> Path<'b>
    where
        'a: 'b,
    {
        Path {
            parent: Some(self),
            segment: Segment::Index(index),
        }
    }

    /// The failure that this value has something wrong with it.
    pub(crate) fn error(&self, reason: impl Into<ParamError>) -> Failure {
        Failure::Params {
            path: self.to_string().into(),
            reason: reason.into(),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            parent.fmt(f)?;
        }
        match self.segment {
            Segment::Name(name) if self.parent.is_some() => write!(f, ".{name}"),
            Segment::Name(name) => f.write_str(name),
            Segment::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// The parameters of one request.
#[derive(Debug, Clone)]
pub(crate) struct Params {
    /// A slice of its body, which is valid JSON, or nothing.
    json: Bytes,
    /// When the request is given up.
    pub(crate) deadline: Deadline,
}

impl Params {
    /// Parameters of a request that must be answered by `deadline`.
    pub(crate) const fn new(json: Bytes, deadline: Deadline) -> Self {
        Self { json, deadline }
    }

    /// Splits the parameters. `names` are those that the method has; more are an error.
    pub(crate) fn args<'a>(&'a self, names: &'static [&'static str]) -> Result<Args<'a>, Failure> {
        let not_an_array = || Path::new("params").error(ParamError::NotAnArray);
        // The envelope's parser has checked that the body is UTF-8.
        let text = std::str::from_utf8(&self.json).map_err(|_| not_an_array())?;
        let items: Vec<&RawValue> = if matches!(text, "" | "null" | "[]") {
            Vec::new()
        } else {
            serde_json::from_str(text).map_err(|_| not_an_array())?
        };
        if items.len() > names.len() {
            return Err(Failure::TooManyParams { max: names.len() });
        }
        Ok(Args { items, names })
    }

    /// Checks that there are none.
    pub(crate) fn none(&self) -> Result<(), Failure> {
        self.args(&[]).map(|_| ())
    }
}

/// Split parameters.
#[derive(Debug)]
pub(crate) struct Args<'a> {
    items: Vec<&'a RawValue>,
    names: &'static [&'static str],
}

impl<'a> Args<'a> {
    fn path(&self, index: usize) -> Path<'static> {
        Path::new(self.names.get(index).copied().unwrap_or("params"))
    }

    /// A parameter that must be there.
    pub(crate) fn get<T: FromJson<'a>>(&self, index: usize) -> Result<T, Failure> {
        self.optional(index)?
            .ok_or_else(|| self.path(index).error(ParamError::Missing))
    }

    /// A parameter that may be missing or null.
    pub(crate) fn optional<T: FromJson<'a>>(&self, index: usize) -> Result<Option<T>, Failure> {
        match self.items.get(index) {
            Some(raw) => Option::from_json(raw, &self.path(index)),
            None => Ok(None),
        }
    }

    /// A parameter that may be missing or null, and what it then is.
    pub(crate) fn or<T: FromJson<'a>>(&self, index: usize, default: T) -> Result<T, Failure> {
        Ok(self.optional(index)?.unwrap_or(default))
    }

    /// The failure that a parameter has something wrong with it.
    pub(crate) fn error(&self, index: usize, reason: impl Into<ParamError>) -> Failure {
        self.path(index).error(reason)
    }
}

/// Reads a value from its JSON text.
pub(crate) trait FromJson<'a>: Sized {
    /// Reads a value, whose place is `path`.
    fn from_json(raw: &'a RawValue, path: &Path<'_>) -> Result<Self, Failure>;
}

impl<'a, T: FromJson<'a>> FromJson<'a> for Option<T> {
    fn from_json(raw: &'a RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        if raw.get() == "null" {
            Ok(None)
        } else {
            T::from_json(raw, path).map(Some)
        }
    }
}

impl<'a, T: FromJson<'a>> FromJson<'a> for Vec<T> {
    fn from_json(raw: &'a RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let items: Vec<&RawValue> = serde_json::from_str(raw.get()).map_err(|_| {
            path.error(ParamError::Type {
                expected: "an array",
            })
        })?;
        items
            .into_iter()
            .enumerate()
            .map(|(index, raw)| T::from_json(raw, &path.index(index)))
            .collect()
    }
}

impl<'a> FromJson<'a> for &'a RawValue {
    fn from_json(raw: &'a RawValue, _: &Path<'_>) -> Result<Self, Failure> {
        Ok(raw)
    }
}

/// The text of a JSON string; borrowed unless it has escapes.
pub(crate) fn text<'a>(
    raw: &'a RawValue,
    path: &Path<'_>,
    expected: &'static str,
) -> Result<Cow<'a, str>, Failure> {
    let json = raw.get();
    match json
        .strip_prefix('"')
        .and_then(|json| json.strip_suffix('"'))
    {
        Some(text) if !text.contains('\\') => Ok(Cow::Borrowed(text)),
        Some(_) => serde_json::from_str(json)
            .map(Cow::Owned)
            .map_err(|_| path.error(ParamError::Type { expected })),
        None => Err(path.error(ParamError::Type { expected })),
    }
}

impl<'a> FromJson<'a> for Cow<'a, str> {
    fn from_json(raw: &'a RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        text(raw, path, "a string")
    }
}

impl FromJson<'_> for bool {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        match raw.get() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(path.error(ParamError::Type {
                expected: "a boolean",
            })),
        }
    }
}

const QUANTITY: &str = "a hex quantity";

impl FromJson<'_> for u64 {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        quantity::parse_u64(&text(raw, path, QUANTITY)?).map_err(|error| path.error(error))
    }
}

impl FromJson<'_> for u128 {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        quantity::parse_u128(&text(raw, path, QUANTITY)?).map_err(|error| path.error(error))
    }
}

impl FromJson<'_> for U256 {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        quantity::parse_u256(&text(raw, path, QUANTITY)?).map_err(|error| path.error(error))
    }
}

/// A storage slot: up to 32 bytes of hex, padded or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Slot {
    /// Its number.
    pub(crate) value: U256,
    /// Whether it was written with all 64 digits.
    pub(crate) is_padded: bool,
}

impl FromJson<'_> for Slot {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let text = text(raw, path, "a storage slot in hex")?;
        let value = quantity::parse_slot(&text).map_err(|error| path.error(error))?;
        Ok(Self {
            value,
            is_padded: text.len() == 66,
        })
    }
}

/// A number as a hex quantity or as a JSON number: for methods whose callers write both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Number(pub(crate) u64);

impl FromJson<'_> for Number {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        if let Ok(number) = raw.get().parse::<u64>() {
            return Ok(Self(number));
        }
        let text = text(raw, path, "a number or a hex quantity")?;
        if let Ok(number) = text.parse::<u64>() {
            return Ok(Self(number));
        }
        let value = quantity::parse_slot(&text).map_err(|error| path.error(error))?;
        u64::try_from(value)
            .map(Self)
            .map_err(|_| path.error(QuantityError::TooLarge { bits: 64 }))
    }
}

/// Decodes hex into exactly `N` bytes.
fn fixed<const N: usize>(
    raw: &RawValue,
    path: &Path<'_>,
    expected: &'static str,
) -> Result<[u8; N], Failure> {
    let text = text(raw, path, expected)?;
    let digits = hex_digits(&text).map_err(|error| path.error(ParamError::Hex(error)))?;
    if digits.len() != 2 * N {
        return Err(path.error(ParamError::Length {
            got: digits.len(),
            want: 2 * N,
        }));
    }
    let mut bytes = [0; N];
    hex::decode_to_slice(digits, &mut bytes)
        .map_err(|_| path.error(ParamError::Hex(HexError::Digit)))?;
    Ok(bytes)
}

fn hex_digits(text: &str) -> Result<&str, HexError> {
    text.strip_prefix("0x")
        .or_else(|| text.strip_prefix("0X"))
        .ok_or(HexError::Prefix)
}

impl FromJson<'_> for Address {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        fixed::<20>(raw, path, "an address in hex").map(Self::from)
    }
}

impl FromJson<'_> for B256 {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        fixed::<32>(raw, path, "32 bytes in hex").map(Self::from)
    }
}

impl FromJson<'_> for Data {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let text = text(raw, path, "hex data")?;
        let digits = hex_digits(&text).map_err(|error| path.error(ParamError::Hex(error)))?;
        if digits.len() % 2 == 1 {
            return Err(path.error(ParamError::Hex(HexError::Odd)));
        }
        hex::decode(digits)
            .map(Self::from)
            .map_err(|_| path.error(ParamError::Hex(HexError::Digit)))
    }
}

/// A JSON object whose fields are read one by one. Of a field that is there twice the last counts;
/// unknown fields are ignored, as go-ethereum does.
#[derive(Debug, Clone)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'a> Object<'a> {
    /// The field's text, or `None` if it is missing or null.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a RawValue> {
        let (_, raw) = self.0.iter().rev().find(|(key, _)| key == name)?;
        (raw.get() != "null").then_some(*raw)
    }

    /// A field that may be missing or null.
    pub(crate) fn optional<T: FromJson<'a>>(
        &self,
        name: &str,
        path: &Path<'_>,
    ) -> Result<Option<T>, Failure> {
        self.raw(name)
            .map(|raw| T::from_json(raw, &path.field(name)))
            .transpose()
    }

    /// A field that must be there.
    pub(crate) fn get<T: FromJson<'a>>(&self, name: &str, path: &Path<'_>) -> Result<T, Failure> {
        self.optional(name, path)?
            .ok_or_else(|| path.field(name).error(ParamError::Missing))
    }

    /// All fields in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &'a RawValue)> {
        self.0.iter().map(|(key, raw)| (&**key, *raw))
    }
}

impl<'a> FromJson<'a> for Object<'a> {
    fn from_json(raw: &'a RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        serde_json::from_str(raw.get()).map_err(|_| {
            path.error(ParamError::Type {
                expected: "an object",
            })
        })
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(Key(key)) = map.next_key()? {
                    fields.push((key, map.next_value()?));
                }
                Ok(Object(fields))
            }
        }

        /// A key, borrowed if it can be: `Cow` alone would always copy.
        struct Key<'a>(Cow<'a, str>);

        impl<'de> Deserialize<'de> for Key<'de> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct KeyVisitor;

                impl<'de> de::Visitor<'de> for KeyVisitor {
                    type Value = Key<'de>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a field name")
                    }

                    fn visit_borrowed_str<E: de::Error>(
                        self,
                        key: &'de str,
                    ) -> Result<Key<'de>, E> {
                        Ok(Key(Cow::Borrowed(key)))
                    }

                    fn visit_str<E: de::Error>(self, key: &str) -> Result<Key<'de>, E> {
                        Ok(Key(Cow::Owned(key.to_owned())))
                    }
                }

                deserializer.deserialize_str(KeyVisitor)
            }
        }

        deserializer.deserialize_map(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::address;
    use proptest::prelude::*;

    fn params(json: &str) -> Params {
        let deadline = Deadline::new("request_timeout", std::time::Duration::from_secs(60));
        Params::new(Bytes::copy_from_slice(json.as_bytes()), deadline)
    }

    fn message<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
        let failure = result.expect_err("must fail");
        assert_eq!(failure.code(), -32602);
        failure.to_string()
    }

    #[test]
    fn errors_name_the_parameter() {
        const NAMES: &[&str] = &["address", "block"];
        let given = params(r#"["0x12", "0x01"]"#);
        let args = given.args(NAMES).unwrap();
        assert_eq!(
            message(args.get::<Address>(0)),
            "invalid params: address: hex string has length 2, want 40"
        );
        assert_eq!(
            message(args.get::<u64>(1)),
            "invalid params: block: hex number with leading zero digits"
        );
        let empty = params("[]");
        let args = empty.args(NAMES).unwrap();
        assert_eq!(
            message(args.get::<Address>(0)),
            "invalid params: address: missing value for required argument"
        );
        assert_eq!(args.or(1, 5_u64).unwrap(), 5);
        assert_eq!(
            message(params("[1,2,3]").args(NAMES)),
            "invalid params: too many arguments, want at most 2"
        );
        assert_eq!(
            message(params("{}").args(NAMES)),
            "invalid params: params: non-array args"
        );
        let null = params("[null]");
        assert!(null.args(NAMES).unwrap().or(0, true).unwrap());
    }

    #[test]
    fn nested_errors_name_the_whole_path() {
        let given = params(r#"[{"calls": [{"to": 5}]}]"#);
        let args = given.args(&["payload"]).unwrap();
        let object: Object<'_> = args.get(0).unwrap();
        let path = Path::new("payload");
        let calls: Vec<Object<'_>> = object.get("calls", &path).unwrap();
        let calls_path = path.field("calls");
        let call = calls_path.index(0);
        assert_eq!(
            message(calls[0].get::<Address>("to", &call)),
            "invalid params: payload.calls[0].to: expected an address in hex"
        );
    }

    #[test]
    fn values_are_read() {
        let given = params(
            r#"["0x00000000000000000000000000000000000000AA", "0x0102", "0x7", 7, "\u0030x8", true]"#,
        );
        let args = given.args(&["a", "b", "c", "d", "e", "f"]).unwrap();
        assert_eq!(
            args.get::<Address>(0).unwrap(),
            address!("00000000000000000000000000000000000000aa")
        );
        assert_eq!(args.get::<Data>(1).unwrap(), Data::from_static(&[1, 2]));
        assert_eq!(args.get::<u64>(2).unwrap(), 7);
        assert_eq!(args.get::<Number>(3).unwrap(), Number(7));
        assert_eq!(args.get::<u64>(4).unwrap(), 8);
        assert!(args.get::<bool>(5).unwrap());
        assert!(message(args.get::<u64>(3)).ends_with("expected a hex quantity"));
        assert!(message(args.get::<Data>(2)).ends_with("hex string of odd length"));
    }

    #[test]
    fn the_last_of_two_fields_counts() {
        let given = params(r#"[{"a": "0x1", "a": "0x2", "b": null}]"#);
        let args = given.args(&["x"]).unwrap();
        let object: Object<'_> = args.get(0).unwrap();
        let path = Path::new("x");
        assert_eq!(object.get::<u64>("a", &path).unwrap(), 2);
        assert_eq!(object.optional::<u64>("b", &path).unwrap(), None);
    }

    proptest! {
        #[test]
        fn arbitrary_values_never_panic(text in "\\PC*") {
            let json = serde_json::to_string(&[&text]).unwrap();
            let given = params(&json);
            let args = given.args(&["x"]).unwrap();
            let _ = (args.get::<Address>(0), args.get::<U256>(0), args.get::<Data>(0));
            let _ = (args.get::<Slot>(0), args.get::<Number>(0), args.get::<Object<'_>>(0));
            prop_assert_eq!(&*args.get::<Cow<'_, str>>(0).unwrap(), text.as_str());
        }
    }
}
