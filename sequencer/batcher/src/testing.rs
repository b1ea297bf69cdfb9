//! A chain of made-up blocks, for the tests of this crate.

use crate::{
    BatchKind, BatcherConfig, BlockSource, DataAvailability, L1Point, SourceError, batch_of,
};
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use openledger_primitives::{
    Block, BlockBody, ChainConfig, ChainGenesis, FeeConfig, ForkTimes, GenesisId, Header,
    SystemConfig, Transaction,
};
use openledger_protocol::{Compression, L1Attributes, SingularBatch};
use std::sync::{Arc, Mutex};

/// A chain with blocks of one second from timestamp 1,000 on.
pub(crate) fn chain_config() -> ChainConfig {
    ChainConfig {
        genesis: ChainGenesis {
            l1: GenesisId::default(),
            l2: GenesisId {
                hash: genesis().header.hash_slow(),
                number: 0,
            },
            l2_time: 1_000,
            system_config: SystemConfig {
                batcher_address: Address::repeat_byte(0xba),
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
        l1_chain_id: 31_337,
        l2_chain_id: 161_299,
        forks: ForkTimes::ISTHMUS,
        batch_inbox_address: Address::repeat_byte(0x1b),
        deposit_contract_address: Address::repeat_byte(2),
        l1_system_config_address: Address::repeat_byte(3),
        protocol_versions_address: Address::ZERO,
        chain_op_config: FeeConfig::default(),
        jovian_upgrade: None,
    }
}

/// The plainest settings: singular batches and zlib, in calldata.
pub(crate) fn config() -> BatcherConfig {
    plain(Arc::new(chain_config()))
}

/// The plainest settings for a chain.
pub(crate) fn plain(chain: Arc<ChainConfig>) -> BatcherConfig {
    BatcherConfig {
        batch_kind: BatchKind::Singular,
        compression: Compression::Zlib(9),
        data_availability: DataAvailability::Calldata,
        ..BatcherConfig::new(chain)
    }
}

/// The L1's head, with blob gas at its lowest price.
pub(crate) fn l1(number: u64) -> L1Point {
    L1Point {
        number,
        timestamp: number * 2,
        base_fee: 1_000_000_000,
        excess_blob_gas: Some(0),
    }
}

fn genesis() -> Block {
    Block {
        header: Header {
            timestamp: 1_000,
            ..Default::default()
        },
        body: BlockBody::default(),
    }
}

fn id_of(block: &Block) -> BlockNumHash {
    BlockNumHash {
        number: block.header.number,
        hash: block.header.hash_slow(),
    }
}

struct State {
    blocks: Vec<Block>,
    safe: u64,
    fail_at: Option<u64>,
    /// Makes each transaction unlike all others.
    made: u64,
    /// Wei that each block's transactions pay for being posted.
    block_fees: Option<u64>,
    /// Times that it was asked for.
    fee_reads: u64,
}

/// A chain that tests can grow and unwind.
pub(crate) struct FakeSource(Mutex<State>);

impl FakeSource {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(State {
            blocks: vec![genesis()],
            safe: 0,
            fail_at: None,
            made: 0,
            block_fees: Some(0),
            fee_reads: 0,
        }))
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0
            .lock()
            .expect("no test panics while it holds the lock")
    }

    /// Seals blocks, each with transactions whose calldata has these sizes.
    pub(crate) fn seal(&self, blocks: u64, sizes: &[usize]) {
        let mut state = self.state();
        for _ in 0..blocks {
            let parent = state.blocks.last().map(id_of).expect("genesis");
            let timestamp = 1_000 + parent.number + 1;
            // A new L1 origin with every eighth block.
            let (number, sequence_number) = ((parent.number + 1) / 8, (parent.number + 1) % 8);
            let attributes = L1Attributes {
                number: 1 + number,
                hash: B256::repeat_byte(0x11 + number as u8),
                sequence_number,
                ..Default::default()
            };
            let mut transactions: Vec<Transaction> =
                vec![attributes.deposit_tx(&chain_config(), timestamp)];
            for size in sizes {
                state.made += 1;
                transactions.push(transaction(state.made, *size));
            }
            let header = Header {
                number: parent.number + 1,
                parent_hash: parent.hash,
                timestamp,
                // Stands for the state: a block that replaces another differs from it.
                state_root: B256::left_padding_from(&state.made.to_be_bytes()),
                ..Default::default()
            };
            state.made += 1;
            state.blocks.push(Block {
                header,
                body: BlockBody {
                    transactions,
                    ..Default::default()
                },
            });
        }
    }

    /// Unwinds to this height.
    pub(crate) fn unwind(&self, to: u64) {
        let mut state = self.state();
        state.blocks.truncate(to as usize + 1);
        state.safe = state.safe.min(to);
    }

    pub(crate) fn set_safe(&self, number: u64) {
        self.state().safe = number;
    }

    /// What each block's transactions pay for being posted; `None` forgets it.
    pub(crate) fn set_block_fees(&self, wei: Option<u64>) {
        self.state().block_fees = wei;
    }

    /// How often it was asked what blocks paid.
    pub(crate) fn fee_reads(&self) -> u64 {
        self.state().fee_reads
    }

    /// Makes reads of this block fail.
    pub(crate) fn fail_at(&self, number: Option<u64>) {
        self.state().fail_at = number;
    }
}

impl BlockSource for FakeSource {
    fn unsafe_head(&self) -> BlockNumHash {
        self.state().blocks.last().map(id_of).expect("genesis")
    }

    fn safe_head(&self) -> BlockNumHash {
        let state = self.state();
        id_of(&state.blocks[state.safe as usize])
    }

    fn block(&self, number: u64) -> Result<Option<Block>, SourceError> {
        let state = self.state();
        if state.fail_at == Some(number) {
            return Err("made to fail".into());
        }
        Ok(state.blocks.get(number as usize).cloned())
    }

    fn fees_collected(&self, number: u64) -> Result<Option<U256>, SourceError> {
        let mut state = self.state();
        state.fee_reads += 1;
        let fees = state.block_fees;
        Ok(fees.map(|wei| U256::from(wei * number)))
    }
}

/// The batch of a block of the chain.
pub(crate) fn block_batch(source: &FakeSource, number: u64) -> SingularBatch {
    batch_of(&source.block(number).expect("readable").expect("exists")).expect("valid")
}

/// A transaction with calldata that hardly compresses.
fn transaction(seed: u64, size: usize) -> Transaction {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let input: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    })
    .take(size)
    .collect();
    let tx = TxEip1559 {
        chain_id: 161_299,
        nonce: seed,
        gas_limit: 100_000,
        to: TxKind::Call(Address::repeat_byte(9)),
        input: input.into(),
        ..Default::default()
    };
    tx.into_signed(Signature::test_signature()).into()
}
