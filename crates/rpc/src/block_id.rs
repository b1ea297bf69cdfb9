use crate::{
    error::Failure,
    params::{FromJson, Object, ParamError, Path, text},
    quantity,
};
use alloy_primitives::B256;
use serde_json::value::RawValue;

/// Which block a request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum BlockId {
    /// By number.
    Number(u64),
    /// By hash. All blocks that are stored are canonical, so `requireCanonical` (EIP-1898) is met.
    Hash(B256),
    /// The newest sealed block.
    #[default]
    Latest,
    /// The open block: the preconfirmed state.
    Pending,
    /// The newest block whose batch is on L1.
    Safe,
    /// The newest block whose batch is in a finalized L1 block.
    Finalized,
    /// Genesis.
    Earliest,
}

const EXPECTED: &str = "a block number in hex, a tag (latest, pending, safe, finalized, earliest) or a \
                        block hash";

fn tag_or_number(text: &str, path: &Path<'_>) -> Result<BlockId, Failure> {
    Ok(match text {
        "latest" => BlockId::Latest,
        "pending" => BlockId::Pending,
        "safe" => BlockId::Safe,
        "finalized" => BlockId::Finalized,
        "earliest" => BlockId::Earliest,
        _ if !text.starts_with("0x") => {
            return Err(path.error(ParamError::Unknown { expected: EXPECTED }));
        }
        _ => BlockId::Number(quantity::parse_u64(text).map_err(|error| path.error(error))?),
    })
}

/// A block number or tag.
impl FromJson<'_> for BlockId {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        if raw.get().starts_with('{') {
            return from_object(raw, path);
        }
        let text = text(raw, path, EXPECTED)?;
        if text.len() == 66 {
            return B256::from_json(raw, path).map(Self::Hash);
        }
        tag_or_number(&text, path)
    }
}

/// EIP-1898.
fn from_object(raw: &RawValue, path: &Path<'_>) -> Result<BlockId, Failure> {
    let object = Object::from_json(raw, path)?;
    let number = object.raw("blockNumber");
    let hash: Option<B256> = object.optional("blockHash", path)?;
    // Read for its form alone: whatever is found by hash is canonical.
    object.optional::<bool>("requireCanonical", path)?;
    match (number, hash) {
        (Some(_), Some(_)) => Err(path.error(ParamError::Conflict(
            "cannot specify both blockHash and blockNumber, choose one or the other",
        ))),
        (Some(number), None) => {
            let path = path.field("blockNumber");
            tag_or_number(&text(number, &path, EXPECTED)?, &path)
        }
        (None, Some(hash)) => Ok(BlockId::Hash(hash)),
        (None, None) => Err(path.error(ParamError::Unknown { expected: EXPECTED })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<BlockId, Failure> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        BlockId::from_json(raw, &Path::new("block"))
    }

    #[test]
    fn every_form_is_read() {
        assert_eq!(parse(r#""latest""#).unwrap(), BlockId::Latest);
        assert_eq!(parse(r#""pending""#).unwrap(), BlockId::Pending);
        assert_eq!(parse(r#""0x10""#).unwrap(), BlockId::Number(16));
        let hash = B256::repeat_byte(7);
        assert_eq!(parse(&format!("\"{hash}\"")).unwrap(), BlockId::Hash(hash));
        assert_eq!(
            parse(&format!(
                r#"{{"blockHash":"{hash}","requireCanonical":true}}"#
            ))
            .unwrap(),
            BlockId::Hash(hash)
        );
        assert_eq!(
            parse(r#"{"blockNumber":"0x2"}"#).unwrap(),
            BlockId::Number(2)
        );
        assert_eq!(
            parse(r#"{"blockNumber":"finalized"}"#).unwrap(),
            BlockId::Finalized
        );
    }

    #[test]
    fn bad_ones_are_refused_by_name() {
        for json in [
            r#""0x01""#,
            r#""0x""#,
            r#""newest""#,
            "5",
            "true",
            "[]",
            "{}",
            r#""0x10000000000000000""#,
            r#"{"blockHash":"0x12"}"#,
            r#"{"blockNumber":"0x1","blockHash":"0x0000000000000000000000000000000000000000000000000000000000000001"}"#,
            r#"{"blockHash":"0x0000000000000000000000000000000000000000000000000000000000000001","requireCanonical":1}"#,
        ] {
            let failure = parse(json).expect_err(json);
            assert_eq!(failure.code(), -32602);
            assert!(failure.to_string().contains("block"), "{failure}");
        }
    }
}
