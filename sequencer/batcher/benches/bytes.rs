//! Bytes a transfer and the time that making them takes.
//!
//! The workload: 20,000 transfers of type 2 among 1,000 reused accounts, random pairs, values of 1 to
//! 6 significant digits, three fee levels, in blocks of 500; and the same with values of 18 random
//! digits. Seeded, so that every run measures the same bytes. Signatures are random, as real ones look
//! to a compressor.
//!
//! ```text
//! cargo bench -p openledger-batcher --bench bytes
//! ```
//!
//! Bytes are those of frames and batcher transactions over the number of transfers, blob padding apart;
//! time is CPU time of one thread, from blocks to frames and back again (the last look before posting).

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, keccak256};
use openledger_batcher::{BatchKind, BatcherConfig, DataAvailability, pack};
use openledger_primitives::{
    ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, SystemConfig,
};
use openledger_protocol::{Compression, SingularBatch};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};

const TRANSFERS: usize = 20_000;
const ACCOUNTS: u64 = 1_000;
const PER_BLOCK: usize = 500;
const CHAIN_ID: u64 = 161_299;
const GWEI: u128 = 1_000_000_000;
/// Runs of each form; the fastest counts.
const RUNS: usize = 5;

/// Numbers that look random and are the same in every run (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn chain() -> ChainConfig {
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId::default(),
            l2: GenesisId::default(),
            l2_time: 1_000,
            system_config: SystemConfig {
                batcher_address: Address::ZERO,
                overhead: B256::ZERO,
                scalar: SystemConfig::encode_scalar(1, 1),
                gas_limit: 60_000_000,
                eip1559_params: Default::default(),
                operator_fee_params: B256::ZERO,
                min_base_fee: 0,
                da_footprint_gas_scalar: 0,
            },
        },
        block_time: 1,
        max_sequencer_drift: 600,
        seq_window_size: 3_600,
        channel_timeout: 300,
        l1_chain_id: 1,
        l2_chain_id: CHAIN_ID,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Address::ZERO,
        deposit_contract_address: Address::ZERO,
        l1_system_config_address: Address::ZERO,
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    }
}

fn account(index: u64) -> Address {
    Address::from_slice(&keccak256(index.to_be_bytes())[12..])
}

/// One to six significant digits, from a ten-thousandth of a token to a hundred.
fn plain_value(random: &mut Random) -> U256 {
    let digits = 1 + random.below(6) as u32;
    let significant = 1 + random.below(10_u64.pow(digits) - 1);
    U256::from(significant) * U256::from(10).pow(U256::from(14 + random.below(3)))
}

fn random_value(random: &mut Random) -> U256 {
    U256::from(random.below(1_000_000_000_000_000_000))
}

fn blocks(value: fn(&mut Random) -> U256) -> Vec<SingularBatch> {
    let mut random = Random(42);
    let accounts: Vec<Address> = (0..ACCOUNTS).map(account).collect();
    let mut nonces = vec![0_u64; accounts.len()];
    let tips = [GWEI / 1_000, GWEI / 100, GWEI / 10];
    let mut parent_hash = B256::ZERO;
    (0..TRANSFERS / PER_BLOCK)
        .map(|number| {
            let transactions: Vec<Bytes> = (0..PER_BLOCK)
                .map(|_| {
                    let from = random.below(ACCOUNTS) as usize;
                    let to = accounts[random.below(ACCOUNTS) as usize];
                    let tip = tips[random.below(3) as usize];
                    let tx = TxEip1559 {
                        chain_id: CHAIN_ID,
                        nonce: nonces[from],
                        gas_limit: 21_000,
                        max_fee_per_gas: 2 * GWEI + tip,
                        max_priority_fee_per_gas: tip,
                        to: TxKind::Call(to),
                        value: value(&mut random),
                        ..Default::default()
                    };
                    nonces[from] += 1;
                    let mut word = || {
                        let limbs = [random.next(), random.next(), random.next(), random.next()];
                        U256::from_limbs(limbs)
                    };
                    // s is below half of the curve's order, as in every valid transaction.
                    let (r, s) = (word(), word() >> 1);
                    let signature = Signature::new(r, s, random.next() & 1 == 1);
                    tx.into_signed(signature).encoded_2718().into()
                })
                .collect();
            let batch = SingularBatch {
                parent_hash,
                epoch_num: number as u64 / 12,
                epoch_hash: B256::repeat_byte(1 + (number / 12) as u8),
                timestamp: 1_001 + number as u64,
                transactions,
            };
            parent_hash = keccak256(number.to_be_bytes());
            batch
        })
        .collect()
}

/// CPU time of this thread; on systems that don't tell, the time since `start`.
fn cpu_time(start: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stat.and_then(|stat| stat.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn main() {
    let clock = Instant::now();
    let chain = Arc::new(chain());
    let forms = [
        ("span, brotli 5", BatchKind::Span, Compression::Brotli(5)),
        ("span, brotli 9", BatchKind::Span, Compression::Brotli(9)),
        ("span, brotli 1", BatchKind::Span, Compression::Brotli(1)),
        ("span, zlib 9", BatchKind::Span, Compression::Zlib(9)),
        (
            "singular, brotli 5",
            BatchKind::Singular,
            Compression::Brotli(5),
        ),
        (
            "singular, zlib 9",
            BatchKind::Singular,
            Compression::Zlib(9),
        ),
    ];
    println!(
        "{TRANSFERS} transfers, {ACCOUNTS} accounts, blocks of {PER_BLOCK}, fastest of {RUNS} runs"
    );
    for (name, values) in [
        (
            "values of 1 to 6 digits",
            blocks(plain_value as fn(&mut Random) -> U256),
        ),
        ("values of 18 digits", blocks(random_value)),
    ] {
        let raw: usize = values
            .iter()
            .flat_map(|block| &block.transactions)
            .map(|tx| tx.len())
            .sum();
        println!(
            "{name}: {:.2} bytes a transfer before",
            raw as f64 / TRANSFERS as f64
        );
        for (form, batch_kind, compression) in forms {
            let config = BatcherConfig {
                batch_kind,
                compression,
                data_availability: DataAvailability::Blobs,
                ..BatcherConfig::new(chain.clone())
            };
            let mut best = Duration::MAX;
            let mut bytes = 0;
            let mut payloads = 0;
            for _ in 0..RUNS {
                let blocks = values.clone();
                let start = cpu_time(clock);
                let packed = pack(blocks, &config).expect("packs");
                best = best.min(cpu_time(clock).saturating_sub(start));
                bytes = packed.iter().map(|payload| payload.len()).sum();
                payloads = packed.len();
            }
            println!(
                "  {form:20} {:7.3} bytes a transfer, {:6.2} µs a transfer, {payloads} blobs",
                bytes as f64 / TRANSFERS as f64,
                best.as_secs_f64() * 1e6 / TRANSFERS as f64,
            );
        }
    }
}
