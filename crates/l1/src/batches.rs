use crate::{
    BatchBlobs, Commitment, CommitmentChain, L1BlockData, L1Client, L1Error, L1Transaction,
    batcher_in, commitments_in, contracts::SystemConfig,
};
use alloy_eips::{BlockId, BlockNumHash, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, keccak256};
use alloy_sol_types::SolCall;
use futures::{StreamExt, stream};
use openledger_primitives::ChainConfig;
use openledger_protocol::{
    Batch, ChannelAssembler, ChannelId, ChannelReader, ChannelReaderError, DecompressError, Frame,
    FrameError, FrameOutcome, IgnoredFrame, decode_frames,
};
use std::collections::BTreeMap;

/// L1 blocks that are read ahead while a range is scanned.
const READ_AHEAD: usize = 4;
/// Most L1 blocks of one scan.
pub const SCAN_RANGE_MAX: u64 = 1_000_000;

/// One frame of a batcher transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSummary {
    /// Its channel.
    pub channel: ChannelId,
    /// Its number in the channel.
    pub number: u16,
    /// Its data, bytes.
    pub bytes: usize,
    /// Whether the channel ends with it.
    pub is_last: bool,
    /// Why derivation makes no use of it, if so.
    pub ignored: Option<IgnoredFrame>,
}

/// Whether the inbox recorded a batcher transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitmentStatus {
    /// It did, and the chain of commitments is unbroken.
    Recorded {
        /// Place in the batcher's chain.
        index: u64,
        /// Head of the chain with it.
        head: B256,
    },
    /// It recorded something else than what the transaction carried, or left something out before.
    Broken {
        /// Place in the batcher's chain, as recorded.
        index: u64,
        /// Head that the transaction leads to.
        expected: B256,
        /// Head that was recorded.
        recorded: B256,
    },
    /// It did not. Derivation reads the transaction all the same.
    Missing,
}

/// A transaction of the batcher to the inbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchTx {
    /// The L1 block that includes it.
    pub l1_block: BlockNumHash,
    /// That block's timestamp, seconds.
    pub l1_timestamp: u64,
    /// Its hash.
    pub tx_hash: B256,
    /// Its index in the block.
    pub index: usize,
    /// Its data, bytes: calldata, or what its blobs decode to.
    pub bytes: usize,
    /// Its blobs.
    pub blobs: usize,
    /// Its frames, or why it has none. A blob without frames beside others with frames is passed
    /// over.
    pub frames: Result<Vec<FrameSummary>, FrameError>,
    /// Whether the inbox recorded it.
    pub commitment: CommitmentStatus,
}

/// One L2 block of a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSummary {
    /// Number of the L2 block; `None` where no block can have the timestamp.
    pub block_number: Option<u64>,
    /// Its timestamp, seconds.
    pub timestamp: u64,
    /// Hash of the block before; span batches don't carry it.
    pub parent_hash: Option<B256>,
    /// Number of its L1 origin.
    pub epoch_num: u64,
    /// Transactions, deposits left out.
    pub transactions: usize,
    /// Their bytes.
    pub transaction_bytes: usize,
    /// Their hashes.
    pub transaction_hashes: Vec<B256>,
}

/// Why a channel ends before its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChannelDefect {
    /// It can't be decompressed.
    #[error(transparent)]
    Compression(#[from] DecompressError),
    /// It breaks off, or holds what is no batch.
    #[error(transparent)]
    Content(#[from] ChannelReaderError),
}

/// A whole channel, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelSummary {
    /// Its place among the whole channels of the scan, from 0.
    pub ordinal: u64,
    /// Its id.
    pub id: ChannelId,
    /// The L1 block of its first frame.
    pub opened: BlockNumHash,
    /// The L1 block of its last frame.
    pub closed: BlockNumHash,
    /// Timestamp of that block, seconds.
    pub closed_timestamp: u64,
    /// The L1 transactions that carried it.
    pub transactions: Vec<B256>,
    /// Its frames.
    pub frames: u32,
    /// Bytes as posted.
    pub compressed_bytes: usize,
    /// Bytes after decompression, as far as they were read.
    pub uncompressed_bytes: usize,
    /// Its L2 blocks, in order.
    pub batches: Vec<BatchSummary>,
    /// Why it ends early, if it does.
    pub defect: Option<ChannelDefect>,
}

impl ChannelSummary {
    /// Numbers of its first and last L2 block.
    pub fn block_range(&self) -> Option<(u64, u64)> {
        Some((
            self.batches.first()?.block_number?,
            self.batches.last()?.block_number?,
        ))
    }

    /// L2 transactions in it.
    pub fn transaction_count(&self) -> usize {
        self.batches.iter().map(|batch| batch.transactions).sum()
    }
}

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScanItem {
    /// A transaction of the batcher.
    Transaction(BatchTx),
    /// A channel that the transaction before completed.
    Channel(ChannelSummary),
}

/// The batcher's transactions in L1 blocks `from_l1` to `to_l1`, both included, in order.
///
/// # Errors
/// A range longer than [`SCAN_RANGE_MAX`], or a block that no endpoint gives.
pub async fn list_batches(
    client: &L1Client,
    config: &ChainConfig,
    from_l1: u64,
    to_l1: u64,
) -> Result<Vec<BatchTx>, L1Error> {
    let mut transactions = Vec::new();
    scan_batches(client, config, from_l1, to_l1, |item| {
        if let ScanItem::Transaction(tx) = item {
            transactions.push(tx);
        }
        true
    })
    .await?;
    Ok(transactions)
}

/// The channels that are complete in L1 blocks `from_l1` to `to_l1`, both included, in order. A
/// channel is found only if its first frame lies in the range as well.
///
/// # Errors
/// A range longer than [`SCAN_RANGE_MAX`], or a block that no endpoint gives.
pub async fn list_channels(
    client: &L1Client,
    config: &ChainConfig,
    from_l1: u64,
    to_l1: u64,
) -> Result<Vec<ChannelSummary>, L1Error> {
    let mut channels = Vec::new();
    scan_batches(client, config, from_l1, to_l1, |item| {
        if let ScanItem::Channel(channel) = item {
            channels.push(channel);
        }
        true
    })
    .await?;
    Ok(channels)
}

/// Reads L1 blocks `from_l1` to `to_l1`, both included, and hands each of the batcher's transactions
/// and each channel to `visit`, until that answers `false`.
///
/// Frames become channels by the rules of derivation; whether the batches in them are valid is not
/// decided here. Every block is verified against its hash, and each against its parent.
///
/// # Errors
/// A range longer than [`SCAN_RANGE_MAX`], a block that no endpoint gives, or a reorg meanwhile.
pub async fn scan_batches(
    client: &L1Client,
    config: &ChainConfig,
    from_l1: u64,
    to_l1: u64,
    mut visit: impl FnMut(ScanItem) -> bool,
) -> Result<(), L1Error> {
    let blocks = to_l1
        .checked_sub(from_l1)
        .map(|span| span.saturating_add(1));
    if blocks.is_none_or(|blocks| blocks > SCAN_RANGE_MAX) {
        return Err(L1Error::Range {
            from: from_l1,
            to: to_l1,
            limit: SCAN_RANGE_MAX,
        });
    }
    let mut scan = Scan::new(config, batcher_before(client, config, from_l1).await?);
    let mut blocks = stream::iter(from_l1..=to_l1)
        .map(|number| client.block_with_receipts(BlockNumberOrTag::Number(number)))
        .buffered(READ_AHEAD);
    let mut before: Option<B256> = None;
    while let Some(block) = blocks.next().await {
        let block = block?;
        let (number, parent) = (block.header.number, block.header.parent_hash);
        if let Some(expected) = before.replace(block.hash)
            && expected != parent
        {
            return Err(L1Error::Reorganised {
                number,
                parent,
                expected,
            });
        }
        scan.batcher = batcher_in(&block, config, scan.batcher);
        let blobs = client.batch_blobs(&block, config, scan.batcher).await?;
        for item in scan.block(&block, &blobs)? {
            if !visit(item) {
                return Ok(());
            }
        }
    }
    Ok(())
}

/// Who posts batches as of the block before `from_l1`.
async fn batcher_before(
    client: &L1Client,
    config: &ChainConfig,
    from_l1: u64,
) -> Result<Address, L1Error> {
    let at_genesis = config.genesis.system_config.batcher_address;
    let Some(before) = from_l1
        .checked_sub(1)
        .filter(|before| *before > config.genesis.l1.number)
    else {
        return Ok(at_genesis);
    };
    let call = SystemConfig::batcherHashCall {}.abi_encode();
    let answer = client
        .call(
            config.l1_system_config_address,
            call.into(),
            BlockId::number(before),
        )
        .await;
    match answer {
        Ok(answer) => SystemConfig::batcherHashCall::abi_decode_returns(&answer)
            .map(Address::from_word)
            .map_err(|source| L1Error::Abi {
                function: "SystemConfig.batcherHash",
                source,
            }),
        // An endpoint without that state.
        Err(L1Error::Refused { .. }) => Ok(at_genesis),
        Err(error) => Err(error),
    }
}

/// A channel that is being put together.
struct Opening {
    id: ChannelId,
    opened: BlockNumHash,
    frames: u32,
    transactions: Vec<B256>,
}

/// The state of a scan between blocks.
struct Scan<'a> {
    config: &'a ChainConfig,
    batcher: Address,
    assembler: ChannelAssembler,
    opening: Option<Opening>,
    channels: u64,
    /// Commitment chains of batchers, once an entry of theirs was seen.
    chains: BTreeMap<Address, CommitmentChain>,
}

impl<'a> Scan<'a> {
    fn new(config: &'a ChainConfig, batcher: Address) -> Self {
        Self {
            config,
            batcher,
            assembler: ChannelAssembler::default(),
            opening: None,
            channels: 0,
            chains: BTreeMap::new(),
        }
    }

    fn block(&mut self, block: &L1BlockData, blobs: &BatchBlobs) -> Result<Vec<ScanItem>, L1Error> {
        let inbox = self.config.batch_inbox_address;
        self.assembler.expire(
            block.header.number,
            self.config.channel_timeout(block.header.timestamp),
        );
        let commitments = commitments_in(block, inbox)?;
        let mut items = Vec::new();
        for (index, tx) in block.transactions.iter().enumerate() {
            if tx.to() != Some(inbox) || tx.sender() != Some(self.batcher) {
                continue;
            }
            let recorded = commitments
                .iter()
                .find(|(of, commitment)| *of == index && commitment.batcher == self.batcher)
                .map(|(_, commitment)| commitment);
            let commitment = self.commitment(tx, recorded);
            let mut channels = Vec::new();
            let data = data_of(tx, blobs);
            let frames = frames_of(data).map(|frames| {
                frames
                    .into_iter()
                    .map(|frame| self.frame(frame, block, tx.hash(), &mut channels))
                    .collect()
            });
            items.push(ScanItem::Transaction(BatchTx {
                l1_block: block.id(),
                l1_timestamp: block.header.timestamp,
                tx_hash: tx.hash(),
                index,
                bytes: data.iter().map(|data| data.len()).sum(),
                blobs: tx.blob_hashes().len(),
                frames,
                commitment,
            }));
            items.extend(channels.into_iter().map(ScanItem::Channel));
        }
        Ok(items)
    }

    fn commitment(
        &mut self,
        tx: &L1Transaction,
        recorded: Option<&Commitment>,
    ) -> CommitmentStatus {
        let Some(recorded) = recorded else {
            return CommitmentStatus::Missing;
        };
        // What came before the scan is taken from the first entry that it sees.
        let known = match self.chains.get(&recorded.batcher) {
            Some(chain) => Some(*chain),
            None => (recorded.index == 0).then(CommitmentChain::default),
        };
        let calldata_hash = keccak256(tx.input());
        let carried =
            recorded.calldata_hash == calldata_hash && recorded.blob_hashes == tx.blob_hashes();
        let (index, head) = (recorded.index, recorded.head);
        self.chains.insert(
            recorded.batcher,
            CommitmentChain {
                count: index.saturating_add(1),
                head,
            },
        );
        match known {
            Some(mut chain) => {
                let next = chain.count;
                let expected = chain.extend_hashed(calldata_hash, tx.blob_hashes());
                if carried && next == index && expected == head {
                    CommitmentStatus::Recorded { index, head }
                } else {
                    CommitmentStatus::Broken {
                        index,
                        expected,
                        recorded: head,
                    }
                }
            }
            None if carried => CommitmentStatus::Recorded { index, head },
            None => CommitmentStatus::Broken {
                index,
                expected: B256::ZERO,
                recorded: head,
            },
        }
    }

    fn frame(
        &mut self,
        frame: Frame,
        block: &L1BlockData,
        tx_hash: B256,
        channels: &mut Vec<ChannelSummary>,
    ) -> FrameSummary {
        let mut summary = FrameSummary {
            channel: frame.id,
            number: frame.number,
            bytes: frame.data.len(),
            is_last: frame.is_last,
            ignored: None,
        };
        if frame.number == 0 {
            self.opening = Some(Opening {
                id: frame.id,
                opened: block.id(),
                frames: 0,
                transactions: Vec::new(),
            });
        }
        let outcome = self.assembler.add(
            frame,
            block.header.number,
            self.config.channel_rlp_bytes_max(),
        );
        if let FrameOutcome::Ignored(reason) = outcome {
            summary.ignored = Some(reason);
            return summary;
        }
        if let Some(opening) = &mut self.opening {
            opening.frames = opening.frames.saturating_add(1);
            if opening.transactions.last() != Some(&tx_hash) {
                opening.transactions.push(tx_hash);
            }
        }
        if let FrameOutcome::Complete(data) = outcome
            && let Some(opening) = self.opening.take()
        {
            channels.push(self.channel(opening, block, data));
        }
        summary
    }

    fn channel(&mut self, opening: Opening, block: &L1BlockData, data: Vec<u8>) -> ChannelSummary {
        let ordinal = self.channels;
        self.channels = ordinal.saturating_add(1);
        let compressed_bytes = data.len();
        let (batches, uncompressed_bytes, defect) = self.batches(data);
        ChannelSummary {
            ordinal,
            id: opening.id,
            opened: opening.opened,
            closed: block.id(),
            closed_timestamp: block.header.timestamp,
            transactions: opening.transactions,
            frames: opening.frames,
            compressed_bytes,
            uncompressed_bytes,
            batches,
            defect,
        }
    }

    fn batches(&self, data: Vec<u8>) -> (Vec<BatchSummary>, usize, Option<ChannelDefect>) {
        let limit = self.config.channel_rlp_bytes_max();
        let mut reader = match ChannelReader::new(data, limit, self.config.l2_chain_id) {
            Ok(reader) => reader,
            Err(error) => return (Vec::new(), 0, Some(error.into())),
        };
        let mut batches = Vec::new();
        let defect = loop {
            match reader.next_batch() {
                Ok(Some(Batch::Singular(batch))) => batches.push(self.summary(
                    batch.timestamp,
                    Some(batch.parent_hash),
                    batch.epoch_num,
                    &batch.transactions,
                )),
                Ok(Some(Batch::Span(span))) => {
                    batches.extend(span.into_blocks(self.config).map(|block| {
                        self.summary(block.timestamp, None, block.epoch_num, &block.transactions)
                    }))
                }
                Ok(None) => break None,
                Err(error) => break Some(error.into()),
            }
        };
        (batches, reader.position(), defect)
    }

    fn summary(
        &self,
        timestamp: u64,
        parent_hash: Option<B256>,
        epoch_num: u64,
        transactions: &[alloy_primitives::Bytes],
    ) -> BatchSummary {
        BatchSummary {
            block_number: self.config.block_number_at(timestamp),
            timestamp,
            parent_hash,
            epoch_num,
            transactions: transactions.len(),
            transaction_bytes: transactions.iter().map(|tx| tx.len()).sum(),
            // The hash of a transaction is that of its EIP-2718 form.
            transaction_hashes: transactions.iter().map(keccak256).collect(),
        }
    }
}

/// What derivation reads of a batcher transaction: calldata, or each blob on its own.
fn data_of<'a>(tx: &'a L1Transaction, blobs: &'a BatchBlobs) -> &'a [Bytes] {
    if tx.blob_hashes().is_empty() {
        std::slice::from_ref(tx.input())
    } else {
        blobs.of(tx.hash())
    }
}

fn frames_of(data: &[Bytes]) -> Result<Vec<Frame>, FrameError> {
    let mut frames = Vec::new();
    let mut failure = None;
    for data in data {
        match decode_frames(data) {
            Ok(decoded) => frames.extend(decoded),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    match failure {
        Some(error) if frames.is_empty() => Err(error),
        None if frames.is_empty() => Err(FrameError::Empty),
        _ => Ok(frames),
    }
}
