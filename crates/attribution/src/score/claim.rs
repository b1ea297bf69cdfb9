//! A question to a scoring function, its answer, and the two written together as a claim.

use super::super::solve::{CertifiedQueryJson, influence_calldata};
use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::SolCall;
use anyhow::Context;
use openledger_precompiles::{
    SKETCH, SPAN,
    merkle::PROOF_LEN_MAX,
    sketch::IAttrSketch,
    span::{Entry, IAttrSpan, ProvedHit, U48_MAX},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Scores that somebody says the chain gives at a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Claim {
    /// The chain.
    pub(crate) chain_id: u64,
    /// The block's number.
    pub(crate) block_number: u64,
    /// The block's hash.
    pub(crate) block_hash: B256,
    /// What was asked.
    pub(crate) question: Question,
    /// What the answer is.
    pub(crate) answer: Scores,
}

/// A call of a scoring function.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub(crate) enum Question {
    /// `scoreInfluence`.
    Influence {
        set: u64,
        queries: Vec<CertifiedQueryJson>,
    },
    /// `scoreDot`.
    Dot { set: u64, query: Bytes },
    /// `scoreKnnShapley`.
    Knn {
        set: u64,
        query: Bytes,
        label: u16,
        neighbours: u8,
    },
    /// `scoreSpans`, or with hits `scoreSpansProved`.
    Spans {
        index: u64,
        tokens: Vec<u32>,
        df_cap: u8,
        min_span: u16,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        hits: Option<Vec<HitJson>>,
    },
}

/// A proved hit, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HitJson {
    pub(crate) position: u32,
    pub(crate) fingerprint: u64,
    pub(crate) cluster: u32,
    pub(crate) locus: u64,
    pub(crate) leaf: u32,
    pub(crate) proof: Vec<B256>,
}

impl HitJson {
    pub(crate) fn new(hit: &ProvedHit) -> Self {
        Self {
            position: hit.position,
            fingerprint: hit.entry.fingerprint,
            cluster: hit.entry.cluster,
            locus: hit.entry.locus,
            leaf: hit.leaf,
            proof: hit.proof.clone(),
        }
    }

    /// The hit; `None` if a member doesn't fit its type.
    pub(crate) fn hit(&self) -> Option<ProvedHit> {
        let fits = self.fingerprint <= U48_MAX
            && self.locus <= U48_MAX
            && self.proof.len() <= PROOF_LEN_MAX;
        fits.then(|| ProvedHit {
            position: self.position,
            entry: Entry {
                fingerprint: self.fingerprint,
                cluster: self.cluster,
                locus: self.locus,
            },
            leaf: self.leaf,
            proof: self.proof.clone(),
        })
    }

    fn sol(&self) -> IAttrSpan::Hit {
        IAttrSpan::Hit {
            pos: self.position,
            fp: alloy_primitives::Uint::from(self.fingerprint & U48_MAX),
            cluster: self.cluster,
            locus: alloy_primitives::Uint::from(self.locus & U48_MAX),
            leaf: self.leaf,
            proof: self.proof.clone(),
        }
    }
}

/// Scores by cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Scores {
    /// Ascending by cluster.
    pub(crate) clusters: Vec<ClusterScore>,
    /// Tokens that some cluster won, of `spans`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) covered: Option<u32>,
}

/// A cluster's score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ClusterScore {
    /// The cluster.
    pub(crate) cluster: u32,
    /// Its score: `sum`, or tokens won.
    #[serde(with = "decimal")]
    pub(crate) score: i128,
    /// `sumSq`, of `influence`.
    #[serde(
        default,
        with = "decimal_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) sum_sq: Option<u128>,
}

/// Numbers as decimal strings: JSON's own lose digits in many readers.
mod decimal {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(value: &i128, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<i128, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

mod decimal_option {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        value: &Option<u128>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u128>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(D::Error::custom))
            .transpose()
    }
}

/// Where two answers part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Difference {
    /// What differs.
    pub(crate) place: String,
    /// Whose values they are, and the values.
    pub(crate) left: (&'static str, String),
    pub(crate) right: (&'static str, String),
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { place, left, right } = self;
        write!(f, "{place}: {} {}, {} {}", left.1, left.0, right.1, right.0)
    }
}

/// The difference of two values, if there is one.
pub(crate) fn differ<T: PartialEq + fmt::Display>(
    place: impl Into<String>,
    left: (&'static str, T),
    right: (&'static str, T),
) -> Option<Difference> {
    (left.1 != right.1).then(|| Difference {
        place: place.into(),
        left: (left.0, left.1.to_string()),
        right: (right.0, right.1.to_string()),
    })
}

impl Scores {
    /// The first difference of two answers, by cluster.
    pub(crate) fn difference(
        &self,
        name: &'static str,
        other: &Self,
        other_name: &'static str,
    ) -> Option<Difference> {
        let absent = "absent".to_owned();
        let longest = self.clusters.len().max(other.clusters.len());
        for place in 0..longest {
            let (left, right) = (self.clusters.get(place), other.clusters.get(place));
            let cluster = |score: Option<&ClusterScore>| {
                score.map_or_else(|| absent.clone(), |score| score.cluster.to_string())
            };
            if let Some(difference) = differ(
                format!("cluster number {place}"),
                (name, cluster(left)),
                (other_name, cluster(right)),
            ) {
                return Some(difference);
            }
            let (Some(left), Some(right)) = (left, right) else {
                continue;
            };
            let of = format!("cluster {}", left.cluster);
            let squares = |score: &ClusterScore| {
                score
                    .sum_sq
                    .map_or_else(|| absent.clone(), |square| square.to_string())
            };
            let difference = differ(
                format!("{of}, score"),
                (name, left.score),
                (other_name, right.score),
            )
            .or_else(|| {
                differ(
                    format!("{of}, sum of squares"),
                    (name, squares(left)),
                    (other_name, squares(right)),
                )
            });
            if difference.is_some() {
                return difference;
            }
        }
        let covered = |scores: &Self| {
            scores
                .covered
                .map_or_else(|| absent.clone(), |covered| covered.to_string())
        };
        differ(
            "tokens covered",
            (name, covered(self)),
            (other_name, covered(other)),
        )
    }

    /// From clusters and their scores.
    pub(crate) fn of_sums(cluster: &[u32], sum: &[i128]) -> Self {
        let clusters = cluster
            .iter()
            .zip(sum)
            .map(|(cluster, score)| ClusterScore {
                cluster: *cluster,
                score: *score,
                sum_sq: None,
            });
        Self {
            clusters: clusters.collect(),
            covered: None,
        }
    }

    /// From clusters, their scores and sums of squares.
    pub(crate) fn of_influence(cluster: &[u32], sum: &[i128], sum_sq: &[u128]) -> Self {
        let mut scores = Self::of_sums(cluster, sum);
        for (score, sum_sq) in scores.clusters.iter_mut().zip(sum_sq) {
            score.sum_sq = Some(*sum_sq);
        }
        scores
    }

    /// From clusters and the tokens that they won.
    pub(crate) fn of_tokens(won: impl IntoIterator<Item = (u32, u32)>, covered: u32) -> Self {
        let clusters = won.into_iter().map(|(cluster, tokens)| ClusterScore {
            cluster,
            score: tokens.into(),
            sum_sq: None,
        });
        Self {
            clusters: clusters.collect(),
            covered: Some(covered),
        }
    }
}

impl Question {
    /// The call: to whom, and its calldata.
    pub(crate) fn call(&self) -> (Address, Bytes) {
        match self {
            Self::Influence { set, queries } => (SKETCH, influence_calldata(*set, queries)),
            Self::Dot { set, query } => {
                let call = IAttrSketch::scoreDotCall {
                    setId: *set,
                    q: query.clone(),
                };
                (SKETCH, call.abi_encode().into())
            }
            Self::Knn {
                set,
                query,
                label,
                neighbours,
            } => {
                let call = IAttrSketch::scoreKnnShapleyCall {
                    setId: *set,
                    q: query.clone(),
                    label: *label,
                    K: *neighbours,
                };
                (SKETCH, call.abi_encode().into())
            }
            Self::Spans {
                index,
                tokens,
                df_cap,
                min_span,
                hits: None,
            } => {
                let call = IAttrSpan::scoreSpansCall {
                    id: *index,
                    tokens: tokens.clone(),
                    dfCap: *df_cap,
                    minSpan: *min_span,
                };
                (SPAN, call.abi_encode().into())
            }
            Self::Spans {
                index,
                tokens,
                df_cap,
                min_span,
                hits: Some(hits),
            } => {
                let call = IAttrSpan::scoreSpansProvedCall {
                    id: *index,
                    tokens: tokens.clone(),
                    hits: hits.iter().map(HitJson::sol).collect(),
                    dfCap: *df_cap,
                    minSpan: *min_span,
                };
                (SPAN, call.abi_encode().into())
            }
        }
    }

    /// Reads the call's return data.
    pub(crate) fn decode(&self, data: &[u8]) -> anyhow::Result<Scores> {
        let scores = match self {
            Self::Influence { .. } => {
                IAttrSketch::scoreInfluenceCall::abi_decode_returns_validate(data)
                    .map(|answer| Scores::of_influence(&answer.cluster, &answer.sum, &answer.sumSq))
            }
            Self::Dot { .. } => IAttrSketch::scoreDotCall::abi_decode_returns_validate(data)
                .map(|answer| Scores::of_sums(&answer.cluster, &answer.sum)),
            Self::Knn { .. } => IAttrSketch::scoreKnnShapleyCall::abi_decode_returns_validate(data)
                .map(|answer| Scores::of_sums(&answer.cluster, &answer.sum)),
            Self::Spans { hits: None, .. } => {
                IAttrSpan::scoreSpansCall::abi_decode_returns_validate(data).map(|answer| {
                    let won = answer.cluster.into_iter().zip(answer.tokensWon);
                    Scores::of_tokens(won, answer.covered)
                })
            }
            Self::Spans { hits: Some(_), .. } => {
                IAttrSpan::scoreSpansProvedCall::abi_decode_returns_validate(data).map(|answer| {
                    let won = answer.cluster.into_iter().zip(answer.tokensWon);
                    Scores::of_tokens(won, answer.covered)
                })
            }
        };
        scores.context("the answer isn't what the function returns")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores() -> Scores {
        Scores::of_influence(&[1, 4], &[-7, i128::MAX], &[49, u128::MAX])
    }

    #[test]
    fn claims_are_written_and_read_without_loss() {
        let claim = Claim {
            chain_id: 161_299,
            block_number: 9,
            block_hash: B256::repeat_byte(1),
            question: Question::Spans {
                index: 1,
                tokens: vec![1, 2],
                df_cap: 3,
                min_span: 8,
                hits: Some(vec![HitJson {
                    position: 1,
                    fingerprint: U48_MAX,
                    cluster: 3,
                    locus: 7,
                    leaf: 2,
                    proof: vec![B256::ZERO],
                }]),
            },
            answer: scores(),
        };
        let text = serde_json::to_string(&claim).unwrap();
        assert!(text.contains(&format!("\"{}\"", u128::MAX)), "{text}");
        assert_eq!(serde_json::from_str::<Claim>(&text).unwrap(), claim);
        let knn = Question::Knn {
            set: 1,
            query: Bytes::from(vec![1; 64]),
            label: 2,
            neighbours: 5,
        };
        let text = serde_json::to_string(&knn).unwrap();
        assert!(text.contains("\"kind\":\"knn\""), "{text}");
        assert_eq!(serde_json::from_str::<Question>(&text).unwrap(), knn);
        assert!(serde_json::from_str::<Question>(r#"{"kind":"dot","set":1}"#).is_err());
    }

    #[test]
    fn the_first_difference_is_named() {
        let same = |other: &Scores| scores().difference("here", other, "there");
        assert_eq!(same(&scores()), None);
        let mut other = scores();
        other.clusters[1].sum_sq = Some(1);
        other.clusters[0].score = -6;
        assert_eq!(
            same(&other).unwrap().to_string(),
            "cluster 1, score: -7 here, -6 there"
        );
        other.clusters[0].score = -7;
        assert!(
            same(&other)
                .unwrap()
                .place
                .contains("cluster 4, sum of squares")
        );
        other.clusters.pop();
        assert_eq!(
            same(&other).unwrap().to_string(),
            "cluster number 1: 4 here, absent there"
        );
        let mut other = scores();
        other.covered = Some(5);
        assert_eq!(
            same(&other).unwrap().to_string(),
            "tokens covered: absent here, 5 there"
        );
    }

    #[test]
    fn answers_decode() {
        let dot = Question::Dot {
            set: 1,
            query: Bytes::new(),
        };
        let data = IAttrSketch::scoreDotCall::abi_encode_returns(&IAttrSketch::scoreDotReturn {
            cluster: vec![2],
            sum: vec![-5],
        });
        assert_eq!(dot.decode(&data).unwrap(), Scores::of_sums(&[2], &[-5]));
        assert!(dot.decode(&data[..31]).is_err());
    }
}
