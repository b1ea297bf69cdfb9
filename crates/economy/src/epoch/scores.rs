//! What a proposal shows, as the chain's contracts encode it: `abi.encode(Scores)`.
//!
//! A proposal's bytes are its proposer's, and so are read by a reader that takes exactly what `abi.encode`
//! gives (`EpochScoring.checkForm` refuses anything else): parts in order, none named twice, no byte
//! between them. What is decoded is therefore never longer than what was read.

use crate::infer::Sibling;
use alloy_primitives::{B256, Bytes, U256, keccak256};
use alloy_sol_types::{SolValue, sol};

/// Longest scores, bytes: what fits in a challenger's transaction of 128 KiB beside everything else.
pub const SCORES_BYTES_MAX: usize = 126 * 1024;

mod encoded {
    use super::sol;

    sol! {
        struct Sibling {
            bytes32 hash;
            uint128 sum;
            bool isLeft;
        }
        struct Draw {
            bytes32 requestId;
            uint128 price;
            bytes[] sketches;
            Sibling[] proof;
        }
        struct Witnesses {
            bytes[] x;
            uint8[] shift;
        }
        struct Scores {
            Draw[] draws;
            Witnesses[] witnesses;
        }
        struct Result {
            uint32[] clusters;
            int128[] sums;
            uint64[] shares;
        }
    }
}

/// A drawn request. Without sketches it isn't shown, counts without a score, and all of it is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draw {
    /// What names the request.
    pub request_id: B256,
    /// Its price, wei.
    pub price: u128,
    /// Its query's sketches, one for each of the adapter's sketch sets.
    pub sketches: Vec<Bytes>,
    /// From its leaf to the root of its entry of the fee log.
    pub proof: Vec<Sibling>,
}

impl Draw {
    /// Whether the request is shown.
    pub fn is_shown(&self) -> bool {
        !self.sketches.is_empty()
    }
}

/// What solves a sketch set's draws: a witness and a shift for each draw, empty for those that aren't shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Witnesses {
    /// Entries of two bytes, most significant first.
    pub x: Vec<Bytes>,
    /// Powers of two that they are scaled by.
    pub shift: Vec<u8>,
}

/// What a proposer claims to be right.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scores {
    /// All draws, in order.
    pub draws: Vec<Draw>,
    /// Of each of the adapter's sketch sets, in order.
    pub witnesses: Vec<Witnesses>,
}

/// Bytes that aren't scores as `abi.encode` gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotScores {
    /// Something at this byte isn't what `abi.encode` puts there.
    #[error("not canonical at byte {at} (NotCanonical)")]
    NotCanonical {
        /// Where.
        at: usize,
    },
    /// More bytes than a transaction carries.
    #[error("{length} bytes are more than the {SCORES_BYTES_MAX} that fit in a transaction")]
    TooLong {
        /// How many there are.
        length: usize,
    },
}

impl Scores {
    /// `abi.encode(Scores)`.
    pub fn encode(&self) -> Bytes {
        let draws = self.draws.iter().map(|draw| encoded::Draw {
            requestId: draw.request_id,
            price: draw.price,
            sketches: draw.sketches.clone(),
            proof: draw
                .proof
                .iter()
                .map(|sibling| encoded::Sibling {
                    hash: sibling.hash,
                    sum: sibling.sum,
                    isLeft: sibling.is_left,
                })
                .collect(),
        });
        let witnesses = self.witnesses.iter().map(|witnesses| encoded::Witnesses {
            x: witnesses.x.clone(),
            shift: witnesses.shift.clone(),
        });
        let scores = encoded::Scores {
            draws: draws.collect(),
            witnesses: witnesses.collect(),
        };
        scores.abi_encode().into()
    }

    /// Reads what [`Self::encode`] gives.
    ///
    /// # Errors
    /// [`NotScores`] for anything else.
    pub fn decode(data: &[u8]) -> Result<Self, NotScores> {
        if data.len() > SCORES_BYTES_MAX {
            return Err(NotScores::TooLong { length: data.len() });
        }
        let mut reader = Reader { data, at: 0 };
        let scores = reader
            .scores()
            .filter(|_| reader.at == data.len())
            .ok_or(NotScores::NotCanonical { at: reader.at })?;
        Ok(scores)
    }
}

/// What follows from scores for one sketch set. Empty if too few draws have a score.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SetResult {
    /// The set's clusters, ascending.
    pub clusters: Vec<u32>,
    /// Their signed scores, summed over the draws.
    pub sums: Vec<i128>,
    /// Their shares of the set's part, of 10¹⁸ together at most.
    pub shares: Vec<u64>,
}

impl SetResult {
    /// What a proposal names it by: `keccak256(abi.encode(Result))`.
    pub fn hash(&self) -> B256 {
        let result = encoded::Result {
            clusters: self.clusters.clone(),
            sums: self.sums.clone(),
            shares: self.shares.clone(),
        };
        keccak256(result.abi_encode())
    }
}

/// What a settlement names its results by: `keccak256(abi.encode(bytes32[]))`.
pub fn results_hash(results: &[B256]) -> B256 {
    keccak256(results.abi_encode())
}

/// Reads words and tails in the order in which `abi.encode` writes them.
struct Reader<'a> {
    data: &'a [u8],
    at: usize,
}

const WORD: usize = 32;

impl Reader<'_> {
    fn scores(&mut self) -> Option<Scores> {
        self.offset_from(0)?.here(self)?;
        let base = self.at;
        let (draws, witnesses) = (self.offset_from(base)?, self.offset_from(base)?);
        draws.here(self)?;
        let draws = self.list(Self::draw)?;
        witnesses.here(self)?;
        let witnesses = self.list(Self::witnesses)?;
        Some(Scores { draws, witnesses })
    }

    fn draw(&mut self) -> Option<Draw> {
        let base = self.at;
        let request_id = B256::from(self.word()?);
        let price = self.number::<u128>()?;
        let (sketches, proof) = (self.offset_from(base)?, self.offset_from(base)?);
        sketches.here(self)?;
        let sketches = self.list(Self::bytes)?;
        proof.here(self)?;
        let proof = self.array(3, |reader| {
            Some(Sibling {
                hash: B256::from(reader.word()?),
                sum: reader.number()?,
                is_left: match reader.number::<u8>()? {
                    0 => false,
                    1 => true,
                    _ => return None,
                },
            })
        })?;
        Some(Draw {
            request_id,
            price,
            sketches,
            proof,
        })
    }

    fn witnesses(&mut self) -> Option<Witnesses> {
        let base = self.at;
        let (x, shift) = (self.offset_from(base)?, self.offset_from(base)?);
        x.here(self)?;
        let x = self.list(Self::bytes)?;
        shift.here(self)?;
        let shift = self.array(1, Self::number)?;
        Some(Witnesses { x, shift })
    }

    fn bytes(&mut self) -> Option<Bytes> {
        let length = self.number::<usize>()?;
        let padded = length.checked_next_multiple_of(WORD)?;
        let end = self.at.checked_add(padded)?;
        let (bytes, padding) = self.data.get(self.at..end)?.split_at(length);
        if padding.iter().any(|byte| *byte != 0) {
            return None;
        }
        self.at = end;
        Some(Bytes::copy_from_slice(bytes))
    }

    /// Items of any length: offsets, then the items, each where its offset says.
    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let length = self.length(1)?;
        let base = self.at;
        let offsets = (0..length)
            .map(|_| self.offset_from(base))
            .collect::<Option<Vec<_>>>()?;
        offsets
            .into_iter()
            .map(|offset| {
                offset.here(self)?;
                item(self)
            })
            .collect()
    }

    /// Items of so many words each.
    fn array<T>(&mut self, words: usize, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        (0..self.length(words)?).map(|_| item(self)).collect()
    }

    /// A length whose items, of at least so many words, are there.
    fn length(&mut self, words: usize) -> Option<usize> {
        let length = self.number::<usize>()?;
        let bytes = length.checked_mul(words * WORD)?;
        (bytes <= self.data.len().saturating_sub(self.at)).then_some(length)
    }

    fn offset_from(&mut self, base: usize) -> Option<Offset> {
        let offset = self.number::<usize>()?;
        Some(Offset(base.checked_add(offset)?))
    }

    fn number<T: TryFrom<U256>>(&mut self) -> Option<T> {
        T::try_from(U256::from_be_bytes(self.word()?)).ok()
    }

    fn word(&mut self) -> Option<[u8; WORD]> {
        let word = *self.data.get(self.at..)?.first_chunk()?;
        self.at += WORD;
        Some(word)
    }
}

/// Where a part must begin.
#[derive(Clone, Copy)]
struct Offset(usize);

impl Offset {
    fn here(self, reader: &Reader<'_>) -> Option<()> {
        (self.0 == reader.at).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{collection::vec, prelude::*};

    fn bytes() -> impl Strategy<Value = Bytes> {
        vec(any::<u8>(), 0..70).prop_map(Bytes::from)
    }

    fn scores() -> impl Strategy<Value = Scores> {
        let sibling =
            (any::<[u8; 32]>(), any::<u128>(), any::<bool>()).prop_map(|(hash, sum, is_left)| {
                Sibling {
                    hash: hash.into(),
                    sum,
                    is_left,
                }
            });
        let draw = (
            any::<[u8; 32]>(),
            any::<u128>(),
            vec(bytes(), 0..4),
            vec(sibling, 0..4),
        )
            .prop_map(|(request_id, price, sketches, proof)| Draw {
                request_id: request_id.into(),
                price,
                sketches,
                proof,
            });
        let witnesses = (vec(bytes(), 0..4), vec(any::<u8>(), 0..4))
            .prop_map(|(x, shift)| Witnesses { x, shift });
        (vec(draw, 0..4), vec(witnesses, 0..3))
            .prop_map(|(draws, witnesses)| Scores { draws, witnesses })
    }

    proptest! {
        #[test]
        fn scores_are_read_as_they_are_written(scores in scores()) {
            prop_assert_eq!(Scores::decode(&scores.encode()), Ok(scores));
        }

        /// Whatever is taken is what `abi.encode` gives: the contract's own test of the form.
        #[test]
        fn what_is_taken_is_canonical(
            scores in scores(),
            changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
            cut in any::<prop::sample::Index>(),
            is_cut in any::<bool>(),
        ) {
            let mut data = scores.encode().to_vec();
            for (place, byte) in changes {
                let place = place.index(data.len());
                data[place] = byte;
            }
            if is_cut {
                data.truncate(cut.index(data.len()));
            }
            if let Ok(decoded) = Scores::decode(&data) {
                prop_assert_eq!(decoded.encode(), Bytes::from(data));
            }
        }
    }

    #[test]
    fn parts_named_twice_are_refused() {
        let empty = Draw::default();
        let scores = Scores {
            draws: vec![empty.clone(), empty],
            witnesses: Vec::new(),
        };
        let mut data = scores.encode().to_vec();
        // Offsets of the two draws are the fifth and sixth word: the second names the first's place.
        let (first, second) = (data[4 * 32..5 * 32].to_vec(), 5 * 32..6 * 32);
        assert_eq!(first[31], 64);
        data[second].copy_from_slice(&first);
        let error = Scores::decode(&data).unwrap_err();
        assert!(matches!(error, NotScores::NotCanonical { .. }), "{error}");
        // A length that nothing stands behind allocates nothing.
        let mut data = scores.encode().to_vec();
        data[3 * 32..4 * 32].fill(0xff);
        assert!(Scores::decode(&data).is_err());
        assert_eq!(
            Scores::decode(&vec![0; SCORES_BYTES_MAX + 1]),
            Err(NotScores::TooLong {
                length: SCORES_BYTES_MAX + 1
            })
        );
    }
}
