//! Native precompiles over pages that aren't in memory: a scoring call reads all of its set's pages from the
//! database, whose cache is empty; and what the EVM's own instructions read, in the same way. The throughput is
//! gas. `docs/precompile-gas.md` says how to run and read it.

#![allow(missing_docs)] // criterion's macros make undocumented items

use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use alloy_sol_types::SolCall;
use anyhow::{Context as _, Result, bail, ensure};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use openledger_execution::{EvmExt as _, StateDatabase, evm_env, evm_factory};
use openledger_precompiles::{
    SKETCH, SPAN,
    hash::sm64,
    sketch::{IAttrSketch as Sketch, commitment, limits::rows_per_page, space},
    span::{ENTRIES_MAX, ENTRIES_PER_PAGE, Entry, IAttrSpan as Span, U48_MAX, salt_of},
};
use openledger_primitives::Transaction;
use openledger_testing::fixture::{Fixture, FixtureOptions, decode};
use revm::{
    bytecode::Bytecode, context::result::ExecutionResult, database::CacheDB, state::AccountInfo,
};
use std::{
    process::Command,
    time::{Duration, Instant},
};

const DATANET: B256 = B256::repeat_byte(2);
const DIM: u16 = 1_024;
const ROWS: u32 = 4_096;
/// Pages of an append: as many as the calldata holds.
const PAGES: usize = 5;
/// Enough for each transaction here.
const GAS_LIMIT: u64 = 32_000_000;

/// Bytes of the largest contract (EIP-170).
const CODE_BYTES: usize = 24_576;
/// Returns the code of so many bytes that follows:
///
/// ```text
/// PUSH2 24576 PUSH1 12 PUSH0 CODECOPY PUSH2 24576 PUSH0 RETURN
/// ```
const DEPLOYER: [u8; 12] = hex!("616000600c5f396160005ff3");
/// Sets slot 0 to 1 and returns no code.
const STORING: [u8; 7] = hex!("60015f555f5ff3");

/// A chain with a sealed set, whose id is 1, and a sealed index, whose id is 1, each as large as may be.
struct Chain {
    /// Taken while it is opened again.
    fixture: Option<Fixture>,
    nonce: u64,
    /// The largest contract.
    contract: Address,
    /// An account with a slot.
    storage: Address,
}

/// A call of a precompile, or code to run.
struct Work {
    to: Address,
    data: Bytes,
    /// Runs at `to`, and is in memory.
    code: Bytes,
}

impl Work {
    fn call(to: Address, data: Vec<u8>) -> Self {
        Self {
            to,
            data: data.into(),
            code: Bytes::new(),
        }
    }

    fn code(at: Address, code: Vec<u8>) -> Self {
        Self {
            to: at,
            data: Bytes::new(),
            code: code.into(),
        }
    }
}

impl Chain {
    fn new() -> Result<Self> {
        let fixture = Fixture::new(FixtureOptions {
            gas_limit: 600_000_000,
            wallets: 1,
            ..Default::default()
        })?;
        let mut chain = Self {
            fixture: Some(fixture),
            nonce: 0,
            contract: Address::ZERO,
            storage: Address::ZERO,
        };
        chain.fill()?;
        // Noise, which doesn't compress; zeros first, since no code may begin with 0xef.
        let code = (0..CODE_BYTES as u64).map(|at| if at < 8 { 0 } else { sm64(5, at) as u8 });
        chain.contract = chain.create(DEPLOYER.into_iter().chain(code).collect())?;
        chain.storage = chain.create(STORING.to_vec())?;
        chain.skip(2)?;
        Ok(chain)
    }

    fn fixture(&self) -> Result<&Fixture> {
        self.fixture.as_ref().context("it is being opened")
    }

    fn sign<C: SolCall>(&mut self, to: Address, call: &C) -> Result<Transaction> {
        let nonce = self.nonce;
        self.nonce += 1;
        let input = Bytes::from(call.abi_encode());
        decode(
            &self
                .fixture()?
                .sign(0, nonce, TxKind::Call(to), U256::ZERO, input, GAS_LIMIT),
        )
    }

    /// A block with these calls, each of which succeeds.
    fn block(&mut self, transactions: Vec<Transaction>) -> Result<()> {
        let block = self.fixture()?.extend(transactions)?;
        ensure!(
            block.receipts.iter().all(|receipt| receipt.status()),
            "a transaction failed"
        );
        Ok(())
    }

    fn call<C: SolCall>(&mut self, to: Address, call: &C) -> Result<()> {
        let transaction = self.sign(to, call)?;
        self.block(vec![transaction])
    }

    /// Creates a contract; its address.
    fn create(&mut self, code: Vec<u8>) -> Result<Address> {
        let nonce = self.nonce;
        self.nonce += 1;
        let fixture = self.fixture()?;
        let signed = fixture.sign(0, nonce, TxKind::Create, U256::ZERO, code.into(), GAS_LIMIT);
        let address = fixture.wallets[0].address().create(nonce);
        let transaction = decode(&signed)?;
        self.block(vec![transaction])?;
        Ok(address)
    }

    fn skip(&mut self, blocks: u64) -> Result<()> {
        (0..blocks).try_for_each(|_| self.block(Vec::new()))
    }

    fn fill(&mut self) -> Result<()> {
        let who = self.fixture()?.wallets[0].address();
        let space = space(who, DATANET);
        let mh: [u32; 32] = core::array::from_fn(|j| j as u32);
        let h = commitment(space, who, &mh, B256::ZERO, B256::ZERO);
        self.call(
            SKETCH,
            &Sketch::commitContributionCall {
                datanet: DATANET,
                h,
            },
        )?;
        let commit_tokens = Span::commitTokensCall {
            datanet: DATANET,
            tokenRoot: DATANET,
        };
        self.call(SPAN, &commit_tokens)?;
        let committed = self.fixture()?.chain.head().number;
        self.skip(2)?;
        let reveal = Sketch::revealCall {
            datanet: DATANET,
            commitId: openledger_precompiles::sketch::commit_id(space, 0),
            contributor: who,
            dataRoot: B256::ZERO,
            salt: B256::ZERO,
            mh,
        };
        self.call(SKETCH, &reveal)?;
        let hash = self
            .fixture()?
            .store()
            .block_hash(committed + 1)?
            .context("it was made")?;
        let open = Span::openIndexCall {
            datanet: DATANET,
            k: 6,
            w: 8,
            tokenizerHash: DATANET,
            salt: salt_of(hash, 1),
        };
        self.call(SPAN, &open)?;
        self.skip(50)?;
        let settle = Sketch::settleCall {
            datanet: DATANET,
            max: 64,
        };
        self.call(SKETCH, &settle)?;
        let open = Sketch::openSetCall {
            subject: space,
            dim: DIM,
            kind: 1,
            normCap2: 0,
            fracBits: 0,
            shift: 0,
            sparsity: 0,
            dataRoot: B256::ZERO,
        };
        self.call(SKETCH, &open)?;
        self.skip(2)?;
        self.call(SKETCH, &Sketch::drawSeedCall { setId: 1 })?;
        self.append_rows()?;
        self.append_entries()?;
        self.call(SKETCH, &Sketch::sealCall { setId: 1 })?;
        self.call(SPAN, &Span::sealCall { id: 1 })?;
        self.skip(2)
    }

    fn append_rows(&mut self) -> Result<()> {
        let numbers: Vec<u32> = (0..ROWS).collect();
        for rows in numbers.chunks(PAGES * rows_per_page(DIM) as usize) {
            let mut records = Vec::new();
            for row in rows {
                records.extend([0, 0, 0, 0, 0, 1]);
                // Noise, which doesn't compress.
                records.extend(
                    (0..u64::from(DIM)).map(|column| {
                        (sm64(u64::from(*row), column) % 255).wrapping_sub(127) as u8
                    }),
                );
            }
            let append = Sketch::appendRowsCall {
                setId: 1,
                rows: records.into(),
            };
            self.call(SKETCH, &append)?;
        }
        Ok(())
    }

    fn append_entries(&mut self) -> Result<()> {
        let mut entries: Vec<Entry> = (0..ENTRIES_MAX as u64)
            .map(|i| Entry {
                fingerprint: sm64(4, i) & U48_MAX,
                cluster: i as u32,
                locus: i,
            })
            .collect();
        entries.sort_unstable();
        for pages in entries.chunks(PAGES * ENTRIES_PER_PAGE) {
            let entries: Vec<u8> = pages.iter().flat_map(|entry| entry.to_bytes()).collect();
            let append = Span::appendEntriesCall {
                id: 1,
                entries: entries.into(),
            };
            self.call(SPAN, &append)?;
        }
        Ok(())
    }

    /// Empties the database's cache by a restart and, if `disk`, the operating system's of its files.
    fn forget(&mut self, disk: bool) -> Result<()> {
        let fixture = self.fixture.take().context("it is being opened")?;
        let fixture = fixture.reopen()?;
        if disk {
            for entry in std::fs::read_dir(fixture.directory().join("store"))? {
                let path = entry?.path();
                if path.is_file() {
                    let mut from = std::ffi::OsString::from("if=");
                    from.push(&path);
                    let status = Command::new("dd")
                        .arg(from)
                        .args(["iflag=nocache", "count=0", "status=none"])
                        .status()?;
                    ensure!(status.success(), "{}", path.display());
                }
            }
        }
        self.fixture = Some(fixture);
        Ok(())
    }

    /// Does the work on the head's state; its gas, and how long it took.
    fn run(&self, work: &Work) -> Result<(u64, Duration)> {
        let chain = &self.fixture()?.chain;
        let head = chain.block(chain.head().number)?.context("the head")?;
        let (_, state) = chain.latest();
        let env = evm_env(chain.config(), &head.block.header);
        let mut database = CacheDB::new(StateDatabase(state));
        if !work.code.is_empty() {
            let code = Bytecode::new_legacy(work.code.clone());
            database.insert_account_info(work.to, AccountInfo::from_bytecode(code));
        }
        let started = Instant::now();
        let mut evm = evm_factory().create(database, env);
        let result = evm
            .transact_system_call(Address::ZERO, work.to, work.data.clone())
            .map_err(|error| anyhow::anyhow!("{error:?}"))?;
        let elapsed = started.elapsed();
        match result.result {
            ExecutionResult::Success { gas, .. } => Ok((gas.tx_gas_used(), elapsed)),
            other => bail!("{other:?}"),
        }
    }
}

fn pages(criterion: &mut Criterion) {
    let mut chain = Chain::new().expect("a chain");
    let query = Bytes::from(vec![1; usize::from(DIM)]);
    let dot = Sketch::scoreDotCall {
        setId: 1,
        q: query.clone(),
    };
    let neighbours = Sketch::scoreKnnShapleyCall {
        setId: 1,
        q: query.clone(),
        label: 1,
        K: 8,
    };
    let distance = Sketch::rowDistanceCall {
        setId: 1,
        r: 2_000,
        alt: query,
    };
    let spans = Span::scoreSpansCall {
        id: 1,
        tokens: vec![0; 8],
        dfCap: 3,
        minSpan: 8,
    };
    let contract = chain.contract;
    let at = Address::repeat_byte(0x77);
    // PUSH2 24576 PUSH0 PUSH0 PUSH20 contract EXTCODECOPY STOP; PUSH20 contract EXTCODESIZE STOP;
    // PUSH20 contract BALANCE STOP; PUSH0 SLOAD STOP.
    let copy = [
        &hex!("6160005f5f73")[..],
        contract.as_slice(),
        &hex!("3c00"),
    ]
    .concat();
    let size = [&hex!("73")[..], contract.as_slice(), &hex!("3b00")].concat();
    let balance = [&hex!("73")[..], contract.as_slice(), &hex!("3100")].concat();
    let load = hex!("5f5400").to_vec();
    let calls = [
        (
            "rowDistance, 1 page",
            Work::call(SKETCH, distance.abi_encode()),
        ),
        ("scoreDot, 179 pages", Work::call(SKETCH, dot.abi_encode())),
        (
            "scoreKnnShapley, 179 pages",
            Work::call(SKETCH, neighbours.abi_encode()),
        ),
        ("scoreSpans, 64 pages", Work::call(SPAN, spans.abi_encode())),
        ("EXTCODECOPY, 24,576 bytes", Work::code(at, copy)),
        ("EXTCODESIZE, 24,576 bytes", Work::code(at, size)),
        ("BALANCE", Work::code(at, balance)),
        ("SLOAD", Work::code(chain.storage, load)),
    ];
    let mut group = criterion.benchmark_group("pages");
    group.sample_size(10);
    for (name, work) in calls {
        let (gas, _) = chain.run(&work).expect("it succeeds");
        println!("{name}: {gas} gas");
        group.throughput(Throughput::Elements(gas));
        for (from, disk) in [
            ("from the operating system's cache", false),
            ("from disk", true),
        ] {
            group.bench_function(format!("{name}, {from}"), |bencher| {
                bencher.iter_custom(|iterations| {
                    let mut total = Duration::ZERO;
                    for _ in 0..iterations {
                        chain.forget(disk).expect("it opens again");
                        total += chain.run(&work).expect("it succeeds").1;
                    }
                    total
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, pages);
criterion_main!(benches);
