use super::*;
use alloc::{format, string::String};
use proptest::{collection::vec, prelude::*};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

fn header(json: &[u8]) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json].concat()
}

const TENSOR: &str = r#"{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]}"#;

#[test]
fn members_and_entries_come_in_any_order() {
    let json = br#"{"b":{"shape":[2,3],"data_offsets":[24,48],"dtype":"BF16"},"__metadata__":{"format":"pt","":" ~"},"a":{"dtype":"F16","shape":[],"data_offsets":[0,9007199254740992]}}   "#;
    let header = header(json);
    let tensors = parse(&header).unwrap();
    let names: Vec<_> = tensors.iter().map(|tensor| tensor.name).collect();
    assert_eq!(names, [b"a", b"b"]);
    assert_eq!(tensors[0].dtype, Dtype::F16);
    assert!(tensors[0].shape.dimensions().is_empty());
    assert_eq!((tensors[0].begin, tensors[0].end), (0, INTEGER_MAX));
    assert_eq!(tensors[1].at, 9);
    assert_eq!(tensors[1].dtype, Dtype::Bf16);
    assert_eq!(tensors[1].shape.dimensions(), [2, 3]);
    assert_eq!((tensors[1].begin, tensors[1].end), (24, 48));
    assert_eq!(parse(&self::header(b"{}")), Ok(Vec::new()));
    assert_eq!(
        parse(&self::header(b"{\"__metadata__\":{}} ")),
        Ok(Vec::new())
    );
}

/// Every kind of malformed header, each with its own error; `at` counts from the length prefix on.
#[test]
fn each_malformed_kind_has_its_own_error() {
    // `^` marks the byte that the error names.
    let valid = |name: &str| format!("\"{name}\":{TENSOR}");
    let with = |member: &str| format!("{{\"t\":{{{member}}}}}");
    let a = valid("a");
    type At = fn(u32) -> HeaderError;
    let truncated: At = |_| HeaderError::Truncated;
    let not_object: At = |_| HeaderError::NotObject;
    let not_ascii: At = |at| HeaderError::NotAscii { at };
    let control: At = |at| HeaderError::Control { at };
    let escape: At = |at| HeaderError::Escape { at };
    let whitespace: At = |at| HeaderError::Whitespace { at };
    let trailing: At = |at| HeaderError::Trailing { at };
    let syntax: At = |at| HeaderError::Syntax { at };
    let number: At = |at| HeaderError::Number { at };
    let too_large: At = |at| HeaderError::NumberTooLarge { at };
    let duplicate: At = |at| HeaderError::DuplicateKey { at };
    let unknown: At = |at| HeaderError::UnknownKey { at };
    let missing: At = |at| HeaderError::MissingKey { at };
    let dtype: At = |at| HeaderError::UnknownDtype { at };
    let dimensions: At = |at| HeaderError::TooManyDimensions { at };
    let offsets: At = |at| HeaderError::BadOffsets { at };
    let dora: At = |at| HeaderError::Dora { at };
    let pattern: At = |at| HeaderError::RankPattern { at };
    let modules: At = |at| HeaderError::ModulesToSave { at };
    let cases: Vec<(String, At)> = vec![
        ("".into(), truncated),
        ("{".into(), truncated),
        ("{\"a".into(), truncated),
        (format!("{{{a}"), truncated),
        ("{\"t\":{\"shape\":[1".into(), truncated),
        ("[]".into(), not_object),
        (" {}".into(), not_object),
        ("{\"^\u{e9}\":1}".into(), not_ascii),
        ("{^\u{e9}}".into(), not_ascii),
        ("{\"a^\n\":1}".into(), control),
        ("{\"^\\u0061\":1}".into(), escape),
        ("{^ }".into(), whitespace),
        (format!("{{{a},^\n{}}}", valid("b")), whitespace),
        (
            format!("{{{}}}", a.replace(":[2,3]", ":^ [2,3]")),
            whitespace,
        ),
        ("{}^\n".into(), whitespace),
        ("{}  ^{}".into(), trailing),
        ("{}^\0".into(), trailing),
        ("{^,}".into(), syntax),
        (format!("{{{a},^}}"), syntax),
        ("{\"a\":^null}".into(), syntax),
        (with("\"shape\":[1,^]"), syntax),
        (with("\"shape\":[1^"), syntax),
        (with("\"shape\":[^\"1\"]"), syntax),
        (with("\"shape\":[^-1]"), number),
        (with("\"shape\":[^+1]"), number),
        (with("\"shape\":[^01]"), number),
        (with("\"shape\":[1,^00]"), number),
        (with("\"shape\":[^1.0]"), number),
        (with("\"shape\":[^1e3]"), number),
        (with("\"shape\":[^1E3]"), number),
        (with("\"shape\":[^9007199254740993]"), too_large),
        (with("\"shape\":[^99999999999999999999999999]"), too_large),
        (format!("{{{a},^{a}}}"), duplicate),
        (with("\"dtype\":\"F32\",^\"dtype\":\"F32\""), duplicate),
        (
            "{\"__metadata__\":{},^\"__metadata__\":{}}".into(),
            duplicate,
        ),
        (
            "{\"__metadata__\":{\"k\":\"\",^\"k\":\"\"}}".into(),
            duplicate,
        ),
        ("{\"__metadata__\":{\"k\":^1}}".into(), syntax),
        ("{\"__metadata__\":{\"k\":^{}}}".into(), syntax),
        (with("^\"offset\":1"), unknown),
        ("{^\"t\":{\"dtype\":\"F32\"}}".into(), missing),
        (
            "{^\"t\":{\"shape\":[],\"data_offsets\":[0,0]}}".into(),
            missing,
        ),
        ("{^\"t\":{}}".into(), missing),
        (with("\"dtype\":^\"F64\""), dtype),
        (with("\"dtype\":^\"f32\""), dtype),
        (with("\"shape\":^[1,1,1,1,1,1,1,1,1]"), dimensions),
        (with("\"data_offsets\":^[1]"), offsets),
        (with("\"data_offsets\":^[1,2,3]"), offsets),
        (with("\"data_offsets\":^[2,1]"), offsets),
        (
            format!("{{^{}}}", valid("layers.0.lora_magnitude_vector")),
            dora,
        ),
        ("{\"__metadata__\":{^\"use_dora\":\"true\"}}".into(), dora),
        (
            "{\"__metadata__\":{^\"rank_pattern\":\"\"}}".into(),
            pattern,
        ),
        (
            "{\"__metadata__\":{^\"alpha_pattern\":\"\"}}".into(),
            pattern,
        ),
        (
            format!("{{^{}}}", valid("score.modules_to_save.weight")),
            modules,
        ),
    ];
    for (marked, error) in cases {
        let at = marked.find('^').unwrap_or_default() + PREFIX_LEN;
        let header = header(marked.replace('^', "").as_bytes());
        assert_eq!(parse(&header), Err(error(at as u32)), "{marked}");
    }
    for length in 0..8 {
        let header = vec![0; length as usize];
        assert_eq!(parse(&header), Err(HeaderError::TooShort { length }));
    }
    let mut lying = header(b"{}");
    lying[0] = 3;
    let mismatch = |declared, actual| Err(HeaderError::LengthMismatch { declared, actual });
    assert_eq!(parse(&lying), mismatch(3, 2));
    lying[0] = 1;
    assert_eq!(parse(&lying), mismatch(1, 2));
    lying[7] = 0xff;
    assert_eq!(parse(&lying), mismatch(0xff00_0000_0000_0001, 2));
}

/// JSON as serde reads it, every object's members in their order, duplicates included.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Json {
    Integer(u64),
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyJson;
        impl<'de> Visitor<'de> for AnyJson {
            type Value = Json;
            fn expecting(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str("an integer, a string, a list or an object")
            }
            fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
                Ok(Json::Integer(value))
            }
            fn visit_str<E>(self, value: &str) -> Result<Json, E> {
                Ok(Json::Text(value.into()))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Json::List(items))
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Json::Object(members))
            }
        }
        deserializer.deserialize_any(AnyJson)
    }
}

impl Json {
    /// The one way to write it without white space and escapes.
    fn write(&self, out: &mut String) {
        let list = |out: &mut String, open, close, items: Vec<String>| {
            out.push(open);
            out.push_str(&items.join(","));
            out.push(close);
        };
        let text = |json: &Json| {
            let mut out = String::new();
            json.write(&mut out);
            out
        };
        match self {
            Self::Integer(value) => out.push_str(&format!("{value}")),
            Self::Text(value) => out.push_str(&format!("\"{value}\"")),
            Self::List(items) => list(out, '[', ']', items.iter().map(text).collect()),
            Self::Object(members) => {
                let members = members
                    .iter()
                    .map(|(key, value)| format!("\"{key}\":{}", text(value)));
                list(out, '{', '}', members.collect());
            }
        }
    }
}

fn has_duplicates(members: &[(String, Json)]) -> bool {
    let mut keys: Vec<_> = members.iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

fn integers(json: &Json, max: usize) -> Option<Vec<u64>> {
    let Json::List(items) = json else { return None };
    let integers: Option<Vec<_>> = items
        .iter()
        .map(|item| match item {
            Json::Integer(value) if *value <= INTEGER_MAX => Some(*value),
            _ => None,
        })
        .collect();
    integers.filter(|integers| integers.len() <= max)
}

fn is_supported(name: &str) -> bool {
    [
        "lora_magnitude_vector",
        "use_dora",
        "rank_pattern",
        "alpha_pattern",
        "modules_to_save",
    ]
    .iter()
    .all(|part| !name.contains(part))
}

type Facts = (String, Vec<u64>, u64, u64);

/// What the restricted grammar accepts, by way of serde_json: the text that serde reads must be the one
/// compact writing of what it says, but for spaces behind it.
fn oracle(json: &[u8]) -> Option<Vec<Facts>> {
    if !json.is_ascii() {
        return None;
    }
    let parsed: Json = serde_json::from_slice(json).ok()?;
    let mut canonical = String::new();
    parsed.write(&mut canonical);
    let trimmed = core::str::from_utf8(json).ok()?.trim_end_matches(' ');
    if trimmed != canonical {
        return None;
    }
    let Json::Object(entries) = parsed else {
        return None;
    };
    if has_duplicates(&entries) {
        return None;
    }
    let mut facts = Vec::new();
    for (name, value) in entries {
        let Json::Object(members) = value else {
            return None;
        };
        if has_duplicates(&members) {
            return None;
        }
        if name == "__metadata__" {
            for (key, value) in members {
                if !matches!(value, Json::Text(_)) || !is_supported(&key) {
                    return None;
                }
            }
            continue;
        }
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        for (key, value) in &members {
            match (key.as_str(), value) {
                ("dtype", Json::Text(text)) if ["F32", "F16", "BF16"].contains(&&**text) => {
                    dtype = Some(text.clone());
                }
                ("shape", value) => shape = Some(integers(value, DIMENSIONS_MAX)?),
                ("data_offsets", value) => offsets = Some(integers(value, 2)?),
                _ => return None,
            }
        }
        let (Some(_), Some(shape), Some(offsets)) = (dtype, shape, offsets) else {
            return None;
        };
        let [begin, end] = offsets[..] else {
            return None;
        };
        if begin > end || !is_supported(&name) {
            return None;
        }
        facts.push((name, shape, begin, end));
    }
    facts.sort();
    Some(facts)
}

fn facts(tensors: &[Tensor<'_>]) -> Vec<Facts> {
    tensors
        .iter()
        .map(|tensor| {
            (
                String::from_utf8(tensor.name.to_vec()).unwrap(),
                tensor.shape.dimensions().to_vec(),
                tensor.begin,
                tensor.end,
            )
        })
        .collect()
}

fn integer() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0u64..40).prop_map(|value| format!("{value}")),
        1 => any::<u64>().prop_map(|value| format!("{}", value >> 9)),
        1 => Just(format!("{INTEGER_MAX}")),
    ]
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[a-c._0-9]{0,4}",
        1 => "[ -!#-\\[\\]-\u{7f}]{0,6}",
        1 => Just("__metadata__".into()),
        1 => Just("x.modules_to_save".into()),
    ]
}

fn tensor() -> impl Strategy<Value = String> {
    let dtype = prop_oneof![Just("F32"), Just("F16"), Just("BF16"), Just("F64")];
    let members = (dtype, vec(integer(), 0..4), integer(), integer());
    members
        .prop_map(|(dtype, shape, a, b)| {
            let (a, b) = if a.len() <= b.len() { (a, b) } else { (b, a) };
            vec![
                format!("\"dtype\":\"{dtype}\""),
                format!("\"shape\":[{}]", shape.join(",")),
                format!("\"data_offsets\":[{a},{b}]"),
            ]
        })
        .prop_shuffle()
        .prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn document() -> impl Strategy<Value = String> {
    let metadata = vec((name(), name()), 0..3).prop_map(|pairs| {
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(key, value)| format!("\"{key}\":\"{value}\""))
            .collect();
        format!("\"__metadata__\":{{{}}}", pairs.join(","))
    });
    let entry = (name(), tensor()).prop_map(|(name, tensor)| format!("\"{name}\":{tensor}"));
    let entries = vec(prop_oneof![1 => metadata, 5 => entry], 0..5);
    (entries, 0usize..3)
        .prop_map(|(entries, spaces)| format!("{{{}}}{}", entries.join(","), " ".repeat(spaces)))
}

/// Bytes that matter to the grammar, so that mutations stay close to it.
fn grammar_byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        8 => prop::sample::select(&b"{}[]\",:0123456789 \\\n-.eE_a"[..]),
        1 => any::<u8>(),
    ]
}

#[derive(Debug, Clone)]
enum Edit {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, u8),
    Remove(prop::sample::Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<prop::sample::Index>(), grammar_byte())
            .prop_map(|(at, byte)| Edit::Replace(at, byte)),
        (any::<prop::sample::Index>(), grammar_byte())
            .prop_map(|(at, byte)| Edit::Insert(at, byte)),
        any::<prop::sample::Index>().prop_map(Edit::Remove),
    ]
}

fn check_against_oracle(json: &[u8]) -> Result<bool, TestCaseError> {
    let header = header(json);
    let ours = parse(&header).ok().map(|tensors| facts(&tensors));
    let accepted = ours.is_some();
    prop_assert_eq!(ours, oracle(json), "{}", String::from_utf8_lossy(json));
    Ok(accepted)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn acceptance_is_serde_jsons_within_the_grammar(
        document in document(),
        edits in vec(edit(), 0..3),
    ) {
        let mut json = document.into_bytes();
        for edit in edits {
            match edit {
                Edit::Replace(at, byte) if !json.is_empty() => {
                    let at = at.index(json.len());
                    json[at] = byte;
                }
                Edit::Insert(at, byte) => json.insert(at.index(json.len() + 1), byte),
                Edit::Remove(at) if !json.is_empty() => {
                    json.remove(at.index(json.len()));
                }
                _ => {}
            }
        }
        check_against_oracle(&json)?;
    }

    #[test]
    fn arbitrary_bytes_never_panic(
        bytes in vec(any::<u8>(), 0..200),
        json in vec(grammar_byte(), 0..200),
    ) {
        let _ = parse(&bytes);
        check_against_oracle(&bytes)?;
        check_against_oracle(&json)?;
    }
}

/// The property above isn't empty: most unedited documents are refused or accepted as the oracle says,
/// and both happen.
#[test]
fn generated_documents_are_of_both_kinds() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let (mut accepted, mut refused) = (0, 0);
    for _ in 0..400 {
        let json = document().new_tree(&mut runner).unwrap().current();
        if check_against_oracle(json.as_bytes()).unwrap() {
            accepted += 1;
        } else {
            refused += 1;
        }
    }
    assert!(accepted > 40 && refused > 40, "{accepted} {refused}");
}
