//! Batches, channels and frames, in every form, on their way to L1.

use super::{
    author::{Author, BLOCK_TIME},
    signing::{Sent, blob_call},
};
use alloy_eips::eip4844::Blob;
use alloy_primitives::Bytes;
use anyhow::{Context as _, Result, ensure};
use openledger_protocol::{
    Batch, ChannelOptions, ChannelOut, Compression, Frame, SingularBatch, SpanBatch, encode_blob,
    encode_frames_tx,
};
use openledger_testing::wallet::Wallet;

/// Most frames that a channel is cut into here.
const FRAMES_MAX: u64 = 9;

/// How batches are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    /// Blocks of a span batch; 0 for singular batches.
    pub(super) span_blocks: usize,
    pub(super) compression: Compression,
    /// Frames that the channel is cut into, about.
    pub(super) frames: u64,
    /// Frames of a batcher transaction's data.
    pub(super) frames_each: usize,
    /// In blobs; otherwise the type of the transactions.
    pub(super) carrier: Option<u8>,
    /// Batcher transactions (or blobs) of an L1 block.
    pub(super) each_block: usize,
}

/// One singular batch after the other in one frame of calldata.
pub(super) const PLAIN: Form = Form {
    span_blocks: 0,
    compression: Compression::Zlib(6),
    frames: 1,
    frames_each: 1,
    carrier: Some(2),
    each_block: 1,
};
/// One span batch in a frame of calldata.
pub(super) const SPAN: Form = Form {
    span_blocks: 1_000,
    compression: Compression::Brotli(5),
    ..PLAIN
};

impl Author {
    /// Blocks that were built and not derived, as batches.
    pub(super) fn unposted(&self) -> Result<Vec<SingularBatch>> {
        (self.safe() + 1..=self.chain.head().number)
            .map(|number| self.batch(number))
            .collect()
    }

    /// A span of consecutive blocks, which may be other than those that were built.
    pub(super) fn span(&self, blocks: &[SingularBatch]) -> Result<Batch> {
        let first = blocks.first().context("a block")?;
        let rollup = &self.files.rollup;
        let number = (first.timestamp - rollup.genesis.l2_time) / BLOCK_TIME;
        let before = self.reference(number - 1)?.l1_origin.number;
        let changes = first.epoch_num != before;
        Ok(Batch::Span(SpanBatch::from_blocks(
            blocks, changes, rollup,
        )?))
    }

    /// A form by chance.
    pub(super) fn form(&mut self) -> Form {
        let span_blocks = [0, 0, 1, 3, 1_000, 1_000][self.below(6) as usize];
        let compression = match self.below(3) {
            0 => Compression::Zlib(self.below(11) as u8),
            _ => Compression::Brotli(self.below(12) as u8),
        };
        Form {
            span_blocks,
            compression,
            frames: 1 + self.below(FRAMES_MAX),
            frames_each: 1 + self.below(3) as usize,
            carrier: [None, Some(0), Some(1), Some(2), Some(2), Some(2)][self.below(6) as usize],
            each_block: 1 + self.below(3) as usize,
        }
    }

    /// The data of batcher transactions that carry these blocks in one channel.
    pub(super) fn channel(&mut self, blocks: &[SingularBatch], form: Form) -> Result<Vec<Bytes>> {
        let batches: Vec<Batch> = match form.span_blocks {
            0 => blocks.iter().cloned().map(Batch::Singular).collect(),
            count => blocks
                .chunks(count)
                .map(|blocks| self.span(blocks))
                .collect::<Result<_>>()?,
        };
        self.channel_of(&batches, form)
    }

    /// The same for any batches.
    pub(super) fn channel_of(&mut self, batches: &[Batch], form: Form) -> Result<Vec<Bytes>> {
        let encoded = batches.iter().map(|batch| {
            let mut encoded = Vec::new();
            batch.encode(&mut encoded)?;
            Ok(encoded)
        });
        let encoded = encoded.collect::<Result<Vec<_>>>()?;
        let frames = self.frames(&encoded, form)?;
        let data = frames.chunks(form.frames_each);
        Ok(data.map(|frames| encode_frames_tx(frames).into()).collect())
    }

    /// The frames of a channel with this content.
    pub(super) fn frames(&mut self, content: &[Vec<u8>], form: Form) -> Result<Vec<Frame>> {
        self.channels += 1;
        let mut id = [0xc4; 16];
        id[..8].copy_from_slice(&self.channels.to_be_bytes());
        let options = ChannelOptions {
            compression: form.compression,
            rlp_bytes_max: 1 << 30,
            compressed_bytes_target: 1 << 30,
        };
        let mut channel = ChannelOut::new(id, options);
        for encoded in content {
            channel
                .add_encoded(encoded)
                .map_err(|full| anyhow::anyhow!("{full}"))?;
        }
        channel.close();
        let each = channel.compressed_bytes() / usize::try_from(form.frames)?;
        Ok(channel.output_frames(each + 24)?)
    }

    /// What carries data to the inbox.
    pub(super) fn carried(&self, data: &[Bytes], carrier: Option<u8>) -> Result<Vec<Sent>> {
        let inbox = self.inbox();
        if let Some(tx_type) = carrier {
            let sent = data
                .iter()
                .map(|data| Sent::Data(tx_type, inbox, data.clone()));
            return Ok(sent.collect());
        }
        let blobs = data
            .iter()
            .map(|data| Ok(Blob::from(*encode_blob(data)?)))
            .collect::<Result<_>>()?;
        Ok(vec![blob_call(inbox, blobs)])
    }

    /// Posts data in its order, over several L1 blocks where the form says so, with `noise` among it.
    pub(super) fn post(
        &mut self,
        data: &[Bytes],
        form: Form,
        noise: &[(Wallet, Sent)],
    ) -> Result<()> {
        for part in data.chunks(form.each_block) {
            let batcher = self.batcher.clone();
            let mut sent: Vec<(Wallet, Sent)> = noise.to_vec();
            for carrying in self.carried(part, form.carrier)? {
                sent.push((batcher.clone(), carrying));
                // An L1 block has room for few blobs.
                if form.carrier.is_some() {
                    sent.extend_from_slice(noise);
                }
            }
            self.mine(&sent)?;
        }
        Ok(())
    }

    /// Posts all that is not derived, in one channel of this form, which is derived then.
    pub(super) fn post_all(&mut self, form: Form, noise: &[(Wallet, Sent)]) -> Result<()> {
        let head = self.chain.head().number;
        let blocks = self.unposted()?;
        if blocks.is_empty() {
            return Ok(());
        }
        let data = self.channel(&blocks, form)?;
        self.post(&data, form, noise)?;
        ensure!(
            self.safe() == head,
            "blocks up to {head} were posted as {form:?}, derived up to {}: {:?}",
            self.safe(),
            self.recorder.dropped.last()
        );
        Ok(())
    }

    /// Posts singular batches as they are, in one channel.
    pub(super) fn single(&mut self, batches: &[SingularBatch]) -> Result<()> {
        let content: Vec<Vec<u8>> = batches.iter().map(encoded).collect::<Result<_>>()?;
        self.content(&content)
    }

    pub(super) fn content(&mut self, content: &[Vec<u8>]) -> Result<()> {
        let frames = self.frames(content, PLAIN)?;
        let data: Vec<Bytes> = vec![encode_frames_tx(&frames).into()];
        self.post(&data, PLAIN, &[])
    }

    /// Posts a frame that begins a channel.
    pub(super) fn frame(&mut self, data: Vec<u8>, is_last: bool) -> Result<()> {
        let mut id = [0xfa; 16];
        id[..8].copy_from_slice(&self.random().next().to_be_bytes());
        let frame = Frame {
            id,
            number: 0,
            data,
            is_last,
        };
        let data: Vec<Bytes> = vec![encode_frames_tx(&[frame]).into()];
        self.post(&data, PLAIN, &[])
    }
}

/// A singular batch as it stands in a channel.
pub(super) fn encoded(batch: &SingularBatch) -> Result<Vec<u8>> {
    let mut encoded = Vec::new();
    Batch::Singular(batch.clone()).encode(&mut encoded)?;
    Ok(encoded)
}

/// A blob that holds this data.
pub(super) fn blob(data: &[u8]) -> Result<Blob> {
    Ok(Blob::from(*encode_blob(data)?))
}
