//! EIP-712 typed data, bounded before it is resolved.
//!
//! Types refer to types, so that a request of a kilobyte can describe a type whose expansion has 2⁶⁰
//! members, and brackets nest, so that one of a megabyte can overflow a stack. Real messages have a
//! dozen types; what goes far beyond is refused before anything is expanded.

use crate::{
    error::Failure,
    params::{ParamError, Path, text},
};
use alloy_dyn_abi::TypedData;
use alloy_primitives::B256;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;

/// Most types of a message.
const TYPES_MAX: usize = 128;
/// Most members that the primary type comes to with all that it holds, arrays counted once.
const MEMBERS_MAX: usize = 4_096;
/// Most levels of structs and arrays in each other. (An order of a marketplace that sells in bulk has
/// 24 levels of arrays.)
const LEVELS_MAX: usize = 64;
/// Most bytes of a type's text.
const TYPE_BYTES_MAX: usize = 256;

const EXPECTED: &str = "EIP-712 typed data";
const EXPECTED_BOUNDED: &str = "EIP-712 typed data of at most 128 types, 4096 members in all, 64 \
                                levels and 256 bytes a type's name, without cycles or tuples";

/// The part of typed data that says what is to be resolved.
#[derive(Deserialize)]
struct Outline {
    types: BTreeMap<String, Vec<Member>>,
    #[serde(rename = "primaryType")]
    primary_type: String,
}

#[derive(Deserialize)]
struct Member {
    #[serde(rename = "type")]
    ty: String,
}

/// What a type comes to.
#[derive(Clone, Copy)]
struct Extent {
    members: usize,
    levels: usize,
}

/// What is signed of typed data, which is an object or its JSON as a string.
///
/// # Errors
/// If it is no typed data, or is beyond what this module's constants allow.
pub(crate) fn typed_data_hash(raw: &RawValue) -> Result<B256, Failure> {
    let path = Path::new("typed data");
    let refused = |expected| path.error(ParamError::Unknown { expected });
    let unescaped;
    let json = if raw.get().starts_with('"') {
        unescaped = text(raw, &path, "typed data")?;
        &*unescaped
    } else {
        raw.get()
    };
    let outline: Outline = serde_json::from_str(json).map_err(|_| refused(EXPECTED))?;
    if !outline.is_bounded() {
        return Err(refused(EXPECTED_BOUNDED));
    }
    let data: TypedData = serde_json::from_str(json).map_err(|_| refused(EXPECTED))?;
    data.eip712_signing_hash().map_err(|_| refused(EXPECTED))
}

impl Outline {
    fn is_bounded(&self) -> bool {
        let is_plain = |ty: &str| ty.len() <= TYPE_BYTES_MAX && !ty.contains('(');
        let members = self.types.values().flatten();
        self.types.len() <= TYPES_MAX
            && self.types.keys().all(|name| is_plain(name))
            && is_plain(&self.primary_type)
            && members.map(|member| &*member.ty).all(is_plain)
            && self
                .extent(&self.primary_type, &mut BTreeMap::new())
                .is_some()
    }

    /// What a type comes to; `None` beyond the limits. `known` holds the structs that were looked at,
    /// `None` while they are: whoever meets one of these is in a cycle. Each is looked at once.
    fn extent<'a>(
        &'a self,
        ty: &'a str,
        known: &mut BTreeMap<&'a str, Option<Extent>>,
    ) -> Option<Extent> {
        let (name, arrays) = match ty.split_once('[') {
            Some((name, sizes)) => (name, 1 + sizes.matches('[').count()),
            None => (ty, 0),
        };
        let mut extent = Extent {
            members: 1,
            levels: 1,
        };
        if let Some((name, members)) = self.types.get_key_value(name) {
            extent = match known.get(name.as_str()) {
                Some(found) => (*found)?,
                None => {
                    known.insert(name, None);
                    for member in members {
                        let inner = self.extent(&member.ty, known)?;
                        extent.members = extent.members.saturating_add(inner.members);
                        extent.levels = extent.levels.max(inner.levels.saturating_add(1));
                        if extent.members > MEMBERS_MAX || extent.levels > LEVELS_MAX {
                            return None;
                        }
                    }
                    known.insert(name, Some(extent));
                    extent
                }
            };
        }
        extent.levels = extent.levels.saturating_add(arrays);
        (extent.levels <= LEVELS_MAX).then_some(extent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;
    use serde_json::{Value, json};

    fn hash(data: &Value) -> Result<B256, Failure> {
        let json = data.to_string();
        let raw: &RawValue = serde_json::from_str(&json).unwrap();
        let escaped = serde_json::to_string(&json).unwrap();
        let as_string: &RawValue = serde_json::from_str(&escaped).unwrap();
        let found = typed_data_hash(raw);
        assert_eq!(
            typed_data_hash(as_string).ok(),
            found.as_ref().ok().copied()
        );
        found
    }

    /// Typed data whose primary type has one member of this type.
    fn with_member(ty: &str, value: Value, mut types: Value) -> Value {
        types["EIP712Domain"] = json!([]);
        types["M"] = json!([{"name": "a", "type": ty}]);
        json!({"types": types, "primaryType": "M", "domain": {}, "message": {"a": value}})
    }

    fn is_beyond(data: &Value) -> bool {
        hash(data).is_err_and(|failure| failure.to_string().contains("at most 128 types"))
    }

    #[test]
    fn the_example_of_eip_712_has_its_hash() {
        let person =
            json!([{"name": "name", "type": "string"}, {"name": "wallet", "type": "address"}]);
        let data = json!({
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"}, {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"}],
                "Person": person,
                "Mail": [{"name": "from", "type": "Person"}, {"name": "to", "type": "Person"},
                    {"name": "contents", "type": "string"}]},
            "primaryType": "Mail",
            "domain": {"name": "Ether Mail", "version": "1", "chainId": 1,
                "verifyingContract": "0xCcCCccccCCCCcCCCCCCcCcCccCcCCCcCcccccccC"},
            "message": {
                "from": {"name": "Cow", "wallet": "0xCD2a3d9F938E13CD947Ec05AbC7FE734Df8DD826"},
                "to": {"name": "Bob", "wallet": "0xbBbBBBBbbBBBbbbBbbBbbbbBBbBbbbbBbBbbBBbB"},
                "contents": "Hello, Bob!"}});
        assert_eq!(
            hash(&data).unwrap(),
            b256!("be609aee343fb3c4b28e1df9e632fca64fcfaede20f02e86244efddf30957bd2")
        );
    }

    #[test]
    fn what_real_messages_need_is_allowed() {
        // A bulk order: 24 levels of pairs.
        let ty = format!("Order{}", "[2]".repeat(24));
        let order = json!({"Order": [{"name": "x", "type": "uint256"}]});
        // Its value would have 2^24 leaves here; a tree's proof has one. The type is what counts.
        let refused = hash(&with_member(&ty, json!([]), order)).unwrap_err();
        assert!(!refused.to_string().contains("at most"), "{refused}");
        let nested = (0..20).fold(json!(7), |inner, _| json!([inner]));
        let ty = format!("uint256{}", "[]".repeat(20));
        assert!(hash(&with_member(&ty, nested, json!({}))).is_ok());
    }

    #[test]
    fn what_expands_without_end_is_refused_at_once() {
        // Each type holds the next twice.
        let mut types = json!({"T60": []});
        for n in 0..60 {
            let next = format!("T{}", n + 1);
            types[format!("T{n}")] =
                json!([{"name": "x", "type": next}, {"name": "y", "type": next}]);
        }
        assert!(is_beyond(&with_member("T0", json!({}), types)));
        // Deeper than any stack.
        for n in [64, 1_000, 500_000] {
            let ty = format!("uint8{}", "[]".repeat(n));
            assert!(is_beyond(&with_member(&ty, json!([]), json!({}))), "{n}");
            let mut data = with_member("uint8", json!(1), json!({}));
            data["primaryType"] = json!(format!("M{}", "[]".repeat(n)));
            assert!(is_beyond(&data), "{n}");
        }
        // A chain of structs, below the number of types; with arrays in between.
        for (count, between) in [(100, ""), (30, "[][]")] {
            let mut types = json!({});
            types[format!("T{count}")] = json!([]);
            for n in 0..count {
                let next = format!("T{}{between}", n + 1);
                types[format!("T{n}")] = json!([{"name": "x", "type": next}]);
            }
            assert!(is_beyond(&with_member("T0", json!({}), types)), "{count}");
        }
        let many: serde_json::Map<String, Value> =
            (0..130).map(|n| (format!("T{n}"), json!([]))).collect();
        assert!(is_beyond(&with_member(
            "uint8",
            json!(1),
            Value::Object(many)
        )));
        // Cycles and tuples.
        assert!(is_beyond(&with_member("M", json!({}), json!({}))));
        let pair = json!({"A": [{"name": "b", "type": "M[]"}]});
        assert!(is_beyond(&with_member("A", json!({}), pair)));
        assert!(is_beyond(&with_member("(M)", json!([]), json!({}))));
    }

    #[test]
    fn a_string_in_a_string_is_no_typed_data() {
        let inner = with_member("uint8", json!(1), json!({})).to_string();
        let twice = serde_json::to_string(&serde_json::to_string(&inner).unwrap()).unwrap();
        let raw: &RawValue = serde_json::from_str(&twice).unwrap();
        assert!(typed_data_hash(raw).is_err());
    }
}
