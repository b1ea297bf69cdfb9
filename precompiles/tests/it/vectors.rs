//! Reading of vector files.

use serde_json::Value;

/// The vectors of the integer reference.
pub(crate) fn golden() -> Value {
    serde_json::from_str(include_str!("../../vectors/golden.json")).unwrap()
}

/// SKETCH's further vectors.
pub(crate) fn sketch() -> Value {
    serde_json::from_str(include_str!("../../vectors/sketch.json")).unwrap()
}

/// LORA's further vectors.
pub(crate) fn lora() -> Value {
    serde_json::from_str(include_str!("../../vectors/lora.json")).unwrap()
}

/// A number, or the decimal string of one.
pub(crate) fn integer(value: &Value) -> i128 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        value => value
            .as_i64()
            .map(i128::from)
            .or_else(|| value.as_u64().map(i128::from))
            .unwrap(),
    }
}

/// A list of numbers.
pub(crate) fn integers<T: TryFrom<i128>>(value: &Value) -> Vec<T> {
    let convert = |value| T::try_from(integer(value)).unwrap_or_else(|_| panic!("out of range"));
    value.as_array().unwrap().iter().map(convert).collect()
}

/// A list of int8, as bytes.
pub(crate) fn int8s(value: &Value) -> Vec<u8> {
    integers::<i8>(value)
        .into_iter()
        .map(|value| value as u8)
        .collect()
}

/// Hex without a prefix.
pub(crate) fn hex(value: &Value) -> Vec<u8> {
    alloy_primitives::hex::decode(value.as_str().unwrap()).unwrap()
}
