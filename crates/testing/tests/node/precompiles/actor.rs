//! What the accounts of the test do with the precompiles: each goes through the life of contributions, a
//! set, an index, a base and two adapters, by the number of the block.

use alloy_primitives::{Address, B256, Bytes, Log, U256, keccak256};
use alloy_sol_types::{SolCall, SolEvent, SolValue};
use anyhow::{Context as _, Result};
use openledger_precompiles::{
    LORA, SKETCH, SPAN, SPLIT,
    hash::sm64,
    lora::ILoraRegistry::{Adapter, Base, Module, Share, *},
    sketch::{IAttrSketch as Sketch, Signature, commit_id, commitment, space},
    span::{Entry, IAttrSpan as Span, fingerprint, kgram_hash, salt_of},
    split::IAttrSplit as Split,
};
use openledger_testing::load::Random;

/// Blocks from an actor's first call to its last.
pub(crate) const LIFE: u64 = 64;
/// Age at which its set and its index can be scored against.
const SCORED: u64 = 58;
const DIM: u16 = 64;
const ROWS: u32 = 8;
const CONTRIBUTIONS: u32 = 4;
const K: u8 = 4;
const W: u8 = 2;

/// A call: where to, and with what.
pub(crate) type Call = (Address, Bytes);

/// Someone who calls: an account, or a contract that it calls through.
#[derive(Debug)]
pub(crate) struct Actor {
    /// `msg.sender` of its calls.
    pub(crate) address: Address,
    seed: u64,
    /// Block of its first call.
    begin: u64,
    sets: Vec<u64>,
    index: Option<u64>,
    bases: Vec<u64>,
    adapters: Vec<u64>,
}

fn call<C: SolCall>(to: Address, arguments: &C) -> Call {
    (to, arguments.abi_encode().into())
}

impl Actor {
    pub(crate) const fn new(address: Address, seed: u64, begin: u64) -> Self {
        Self {
            address,
            seed,
            begin,
            sets: Vec::new(),
            index: None,
            bases: Vec::new(),
            adapters: Vec::new(),
        }
    }

    fn datanet(&self) -> B256 {
        B256::from(U256::from(self.seed))
    }

    fn space(&self) -> B256 {
        space(self.address, self.datanet())
    }

    /// Learns the numbers of what it made from a block's logs.
    pub(crate) fn see(&mut self, log: &Log) {
        let id = |log: &Log| {
            log.topics()
                .get(1)
                .map(|topic| U256::from_be_bytes(topic.0))
        };
        let Some(id) = id(log).map(|id| id.saturating_to::<u64>()) else {
            return;
        };
        match log.topics().first() {
            Some(&Sketch::SetOpened::SIGNATURE_HASH) => {
                let event = Sketch::SetOpened::decode_log(log).expect("well-formed");
                if event.owner == self.address {
                    self.sets.push(id);
                }
            }
            Some(&Span::TokensCommitted::SIGNATURE_HASH) => {
                let event = Span::TokensCommitted::decode_log(log).expect("well-formed");
                if event.owner == self.address {
                    self.index = Some(id);
                }
            }
            // A base doesn't name its payee: its configuration's hash does.
            Some(&BaseRegistered::SIGNATURE_HASH)
                if log.topics().get(2) == Some(&keccak256(self.address)) =>
            {
                self.bases.push(id);
            }
            Some(&AdapterRegistered::SIGNATURE_HASH)
                if log.topics().get(3) == Some(&self.address.into_word()) =>
            {
                self.adapters.push(id);
            }
            _ => {}
        }
    }

    /// What it does in block `number`; all of it succeeds. `hash_of` answers a block's hash.
    pub(crate) fn calls(
        &self,
        number: u64,
        random: &mut Random,
        hash_of: impl Fn(u64) -> Result<B256>,
    ) -> Result<Vec<Call>> {
        let Some(age) = number.checked_sub(self.begin) else {
            return Ok(Vec::new());
        };
        let mut calls = self.contribute(age);
        calls.extend(self.fill_set(age)?);
        calls.extend(self.fill_index(age, hash_of)?);
        calls.extend(self.register(age)?);
        if age < LIFE {
            calls.extend(self.questions(random));
        }
        if (SCORED..LIFE).contains(&age) {
            calls.extend(self.scores());
        }
        Ok(calls)
    }

    /// The last but one is a copy of the first; the last is never revealed.
    fn signature(&self, contribution: u32) -> Signature {
        let content = u64::from(contribution % (CONTRIBUTIONS - 2));
        core::array::from_fn(|j| sm64(self.seed + content, j as u64) as u32)
    }

    fn contribute(&self, age: u64) -> Vec<Call> {
        let (datanet, space) = (self.datanet(), self.space());
        match age {
            0 => (0..CONTRIBUTIONS)
                .map(|number| {
                    let mh = self.signature(number);
                    let h = commitment(space, self.address, &mh, datanet, datanet);
                    call(SKETCH, &Sketch::commitContributionCall { datanet, h })
                })
                .collect(),
            2 => (0..CONTRIBUTIONS - 1)
                .map(|number| {
                    let reveal = Sketch::revealCall {
                        datanet,
                        commitId: commit_id(space, u64::from(number)),
                        contributor: self.address,
                        dataRoot: datanet,
                        salt: datanet,
                        mh: self.signature(number),
                    };
                    call(SKETCH, &reveal)
                })
                .collect(),
            51 => vec![call(SKETCH, &Sketch::settleCall { datanet, max: 2 })],
            52 => vec![call(SKETCH, &Sketch::settleCall { datanet, max: 64 })],
            _ => Vec::new(),
        }
    }

    /// Rows in one direction, so that a witness is known without solving.
    fn entry(column: u64) -> i8 {
        if sm64(7, column) & 1 == 0 { 100 } else { -100 }
    }

    fn rows(&self, kind: u8) -> Bytes {
        let mut records = Vec::new();
        for row in 0..ROWS {
            records.extend((row / (ROWS / 2)).to_be_bytes());
            records.extend([0, (row % 3) as u8]);
            records.extend((0..u64::from(DIM)).map(|column| match kind {
                0 => Self::entry(column) as u8,
                _ => (sm64(self.seed + u64::from(row), column) % 255).wrapping_sub(127) as u8,
            }));
        }
        records.into()
    }

    fn fill_set(&self, age: u64) -> Result<Vec<Call>> {
        let open = |kind| {
            let open = Sketch::openSetCall {
                subject: self.space(),
                dim: DIM,
                kind,
                normCap2: u32::from(DIM) * 10_000,
                fracBits: 0,
                shift: 0,
                sparsity: 0,
                dataRoot: self.datanet(),
            };
            call(SKETCH, &open)
        };
        if age == 53 {
            return Ok(vec![open(0), open(1)]);
        }
        if !(55..=57).contains(&age) {
            return Ok(Vec::new());
        }
        let mut calls = Vec::new();
        for kind in 0..2u8 {
            let id = *self.sets.get(usize::from(kind)).context("a set")?;
            calls.push(match age {
                55 => call(SKETCH, &Sketch::drawSeedCall { setId: id }),
                56 => {
                    let append = Sketch::appendRowsCall {
                        setId: id,
                        rows: self.rows(kind),
                    };
                    call(SKETCH, &append)
                }
                _ => call(SKETCH, &Sketch::sealCall { setId: id }),
            });
        }
        Ok(calls)
    }

    fn tokens(&self) -> Vec<u32> {
        (0..24)
            .map(|index| (sm64(self.seed, index / 2) % 5) as u32)
            .collect()
    }

    fn fill_index(&self, age: u64, hash_of: impl Fn(u64) -> Result<B256>) -> Result<Vec<Call>> {
        let datanet = self.datanet();
        let id = || self.index.context("an index");
        let salt = || Ok::<_, anyhow::Error>(salt_of(hash_of(self.begin + 1)?, id()?));
        Ok(match age {
            0 => {
                let commit = Span::commitTokensCall {
                    datanet,
                    tokenRoot: datanet,
                };
                vec![call(SPAN, &commit)]
            }
            3 => {
                let open = Span::openIndexCall {
                    datanet,
                    k: K,
                    w: W,
                    tokenizerHash: datanet,
                    salt: salt()?,
                };
                vec![call(SPAN, &open)]
            }
            4 => {
                let (tokens, salt) = (self.tokens(), salt()?);
                let mut entries: Vec<Entry> = (0u64..)
                    .zip(tokens.windows(usize::from(K)))
                    .map(|(locus, gram)| Entry {
                        fingerprint: fingerprint(kgram_hash(gram, salt)),
                        cluster: (locus % 2) as u32,
                        locus,
                    })
                    .collect();
                entries.sort_unstable();
                let append = Span::appendEntriesCall {
                    id: id()?,
                    entries: entries
                        .iter()
                        .flat_map(|entry| entry.to_bytes())
                        .collect::<Vec<u8>>()
                        .into(),
                };
                vec![call(SPAN, &append)]
            }
            5 => {
                vec![call(SPAN, &Span::sealCall { id: id()? })]
            }
            _ => Vec::new(),
        })
    }

    fn base(&self) -> Base {
        Base {
            nameHash: self.datanet(),
            configHash: keccak256(self.address),
            namePrefix: Bytes::from_static(b"layers."),
            layers: 2,
            modules: vec![Module {
                path: Bytes::from_static(b"q_proj"),
                inDim: 8,
                outDim: 4,
            }],
            licence: B256::ZERO,
            absBps: 0,
        }
    }

    fn header() -> Bytes {
        let json = r#"{"layers.0.q_proj.lora_A.weight":{"dtype":"F32","shape":[2,8],"data_offsets":[0,64]},"layers.0.q_proj.lora_B.weight":{"dtype":"F32","shape":[4,2],"data_offsets":[64,96]}}"#;
        [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()]
            .concat()
            .into()
    }

    fn adapter(&self, number: u64) -> Result<Adapter> {
        let base = *self.bases.first().context("a base")?;
        let mut parents = vec![Share {
            id: base,
            relBps: 1_000,
        }];
        parents.extend(self.adapters.first().map(|id| Share {
            id: *id,
            relBps: 2_500,
        }));
        Ok(Adapter {
            base,
            rank: 2,
            alpha: 4,
            moduleMask: 1,
            layerFrom: 0,
            layerTo: 1,
            dtype: 0,
            headerHash: keccak256(Self::header()),
            dataRoot: keccak256((self.address, U256::from(number)).abi_encode()),
            dataLen: 96,
            chunkLog2: 12,
            train: Vec::new(),
            parents,
            licence: B256::ZERO,
            absBps: 10,
            developer: self.address,
            version: 1 + number as u32,
            supersedes: self.adapters.first().copied().unwrap_or_default(),
        })
    }

    fn register(&self, age: u64) -> Result<Vec<Call>> {
        let commit = |number| -> Result<Call> {
            let adapter = self.adapter(number)?;
            let preimage = (
                adapter.developer,
                adapter.headerHash,
                adapter.dataRoot,
                self.datanet(),
            );
            let h = keccak256(preimage.abi_encode());
            Ok(call(LORA, &commitAdapterCall { h }))
        };
        let register = |number| -> Result<Call> {
            let register = registerAdapterCall {
                adapter: self.adapter(number)?,
                header: Self::header(),
                salt: self.datanet(),
            };
            Ok(call(LORA, &register))
        };
        Ok(match age {
            0 => vec![call(LORA, &registerBaseCall { base: self.base() })],
            1 => vec![commit(0)?, commit(1)?],
            3 => vec![register(0)?],
            4 => vec![register(1)?],
            5 => {
                let id = *self.adapters.last().context("an adapter")?;
                vec![call(LORA, &setStatusCall { id, status: 1 })]
            }
            _ => Vec::new(),
        })
    }

    /// Views of what is there by now.
    fn questions(&self, random: &mut Random) -> Vec<Call> {
        let mut views = vec![
            call(
                SPLIT,
                &Split::splitCall {
                    total: U256::from(random.next()),
                    s: (0..random.below(9)).map(|_| random.next() as i64).collect(),
                    minBps: random.below(2_000) as u16,
                    topK: random.below(4) as u16,
                },
            ),
            call(
                SPLIT,
                &Split::gateCall {
                    sum: (0..3).map(|_| i128::from(random.next() as i64)).collect(),
                    sumSq: (0..3).map(|_| u128::from(random.next())).collect(),
                    z: random.below(3) as u8,
                },
            ),
        ];
        if let Some(&node) = self.adapters.last() {
            let amount = U256::from(random.next());
            views.push(call(LORA, &royaltyFlowCall { node, amount }));
            views.push(call(LORA, &flattenDatanetsCall { id: node }));
            views.push(call(LORA, &getCall { id: node }));
        }
        for id in &self.sets {
            views.push(call(SKETCH, &Sketch::headerCall { setId: *id }));
        }
        let take = random.below(views.len() as u64 + 1) as usize;
        let from = random.below((views.len() - take) as u64 + 1) as usize;
        views[from..from + take].to_vec()
    }

    /// Scores against what is sealed.
    fn scores(&self) -> Vec<Call> {
        let (Some(influence), Some(neighbours), Some(index)) =
            (self.sets.first(), self.sets.get(1), self.index)
        else {
            return Vec::new();
        };
        let query: Vec<u8> = (0..u64::from(DIM))
            .map(|column| Self::entry(column) as u8)
            .collect();
        // x = 2^shift·q / (rows·‖g‖² + λ): the rows have one direction.
        let norm2 = u64::from(DIM) * 10_000;
        let eigenvalue = u128::from(u64::from(ROWS) * norm2)
            + u128::from((u64::from(ROWS) * norm2).div_ceil(1_024));
        let shift = (0..=62u8)
            .rev()
            .find(|shift| (100u128 << shift) / eigenvalue <= 16_383)
            .unwrap_or(0);
        let magnitude = (((100u128 << shift) + eigenvalue / 2) / eigenvalue) as i16;
        let witness: Vec<u8> = (0..u64::from(DIM))
            .flat_map(|column| (magnitude * i16::from(Self::entry(column).signum())).to_be_bytes())
            .collect();
        vec![
            call(
                SKETCH,
                &Sketch::scoreInfluenceCall {
                    setId: *influence,
                    q: vec![query.clone().into(); 2],
                    x: vec![witness.into(); 2],
                    shift: vec![shift; 2],
                },
            ),
            call(
                SKETCH,
                &Sketch::scoreDotCall {
                    setId: *influence,
                    q: query.clone().into(),
                },
            ),
            call(
                SKETCH,
                &Sketch::scoreKnnShapleyCall {
                    setId: *neighbours,
                    q: query.clone().into(),
                    label: 1,
                    K: 3,
                },
            ),
            call(
                SKETCH,
                &Sketch::rowDistanceCall {
                    setId: *neighbours,
                    r: ROWS - 1,
                    alt: query.into(),
                },
            ),
            call(
                SPAN,
                &Span::scoreSpansCall {
                    id: index,
                    tokens: self.tokens(),
                    dfCap: 3,
                    minSpan: 5,
                },
            ),
        ]
    }
}
