//! The sequencer's feed: sealed blocks that are not on L1 yet, each with a signature.
//!
//! | offset | bytes | field | encoding |
//! |---|---|---|---|
//! | 0 | 1 | version | 0 |
//! | 1 | 65 | signature | `r` ‖ `s` ‖ `v`, 32 and 32 bytes big-endian, `v` 0 or 1 |
//! | 66 | rest | block | RLP `[header, transactions, ommers, withdrawals]` |
//!
//! What is signed is `keccak256(domain ‖ chain id ‖ keccak256(block))`, domain 32 zero bytes and the
//! chain id 32 bytes big-endian: the digest of the OP specification's "Block signatures" (rollup node
//! P2P), whose payload is another encoding of the block.

use alloc::vec::Vec;
use alloy_consensus::crypto::secp256k1::recover_signer;
use alloy_primitives::{Address, B256, Signature, U256, keccak256};
use alloy_rlp::{Decodable, Encodable};
use openledger_primitives::Block;

/// Version byte of a feed message.
const VERSION: u8 = 0;
/// Bytes before the block.
const PREFIX: usize = 66;
/// Longest feed message in bytes: more than a block of the greatest gas limit can hold.
pub const FEED_MESSAGE_BYTES_MAX: usize = 64 << 20;

/// A sealed block with its sequencer's signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedMessage {
    /// The block.
    pub block: Block,
    /// Who signed it.
    pub signer: Address,
}

/// Why bytes are no feed message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// Too short or too long.
    #[error("a feed message of {len} bytes, not between {PREFIX} and {FEED_MESSAGE_BYTES_MAX}")]
    Length {
        /// Its length.
        len: usize,
    },
    /// A version that this code doesn't know.
    #[error("feed message version {version}, not {VERSION}")]
    Version {
        /// The version.
        version: u8,
    },
    /// The signature is malformed, or not canonical.
    #[error("the signature is invalid")]
    Signature,
    /// The block is malformed.
    #[error("the block is malformed: {0}")]
    Block(alloy_rlp::Error),
    /// Bytes after the block.
    #[error("{len} bytes after the block")]
    Trailing {
        /// How many.
        len: usize,
    },
}

/// The digest that is signed for a block with this RLP.
pub fn feed_digest(chain_id: u64, block: &[u8]) -> B256 {
    let mut preimage = [0; 96];
    preimage[32..64].copy_from_slice(&U256::from(chain_id).to_be_bytes::<32>());
    preimage[64..].copy_from_slice(keccak256(block).as_slice());
    keccak256(preimage)
}

/// Encodes `block`, which `sign` signs by its digest.
///
/// # Errors
/// Those of `sign`.
pub fn encode_feed_message<E>(
    chain_id: u64,
    block: &Block,
    sign: impl FnOnce(B256) -> Result<Signature, E>,
) -> Result<Vec<u8>, E> {
    let mut message = Vec::with_capacity(PREFIX.saturating_add(block.length()));
    message.resize(PREFIX, VERSION);
    block.encode(&mut message);
    let signature = sign(feed_digest(chain_id, &message[PREFIX..]))?;
    message[1..33].copy_from_slice(&signature.r().to_be_bytes::<32>());
    message[33..65].copy_from_slice(&signature.s().to_be_bytes::<32>());
    message[65] = u8::from(signature.v());
    Ok(message)
}

/// Who signed a message of chain `chain_id`; its block is not looked at.
///
/// # Errors
/// [`FeedError::Length`], [`FeedError::Version`] and [`FeedError::Signature`].
pub fn feed_signer(chain_id: u64, message: &[u8]) -> Result<Address, FeedError> {
    let (prefix, payload) = split(message)?;
    if prefix[0] != VERSION {
        return Err(FeedError::Version { version: prefix[0] });
    }
    if prefix[65] > 1 {
        return Err(FeedError::Signature);
    }
    let signature = Signature::new(
        U256::from_be_slice(&prefix[1..33]),
        U256::from_be_slice(&prefix[33..65]),
        prefix[65] == 1,
    );
    recover_signer(&signature, feed_digest(chain_id, payload)).map_err(|_| FeedError::Signature)
}

/// The block of a message whose signer was found to be the right one: decoded, it may take many times
/// the memory of its message.
///
/// # Errors
/// [`FeedError::Length`], [`FeedError::Block`] and [`FeedError::Trailing`].
pub fn feed_block(message: &[u8]) -> Result<Block, FeedError> {
    let (_, mut payload) = split(message)?;
    let block = Block::decode(&mut payload).map_err(FeedError::Block)?;
    if !payload.is_empty() {
        return Err(FeedError::Trailing { len: payload.len() });
    }
    Ok(block)
}

fn split(message: &[u8]) -> Result<(&[u8; PREFIX], &[u8]), FeedError> {
    let length = FeedError::Length { len: message.len() };
    if message.len() > FEED_MESSAGE_BYTES_MAX {
        return Err(length);
    }
    message.split_first_chunk().ok_or(length)
}

impl FeedMessage {
    /// [`feed_signer`] and [`feed_block`] in one, for a message of chain `chain_id` from a server that is
    /// trusted.
    ///
    /// # Errors
    /// [`FeedError`].
    pub fn decode(chain_id: u64, message: &[u8]) -> Result<Self, FeedError> {
        Ok(Self {
            signer: feed_signer(chain_id, message)?,
            block: feed_block(message)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::crypto::secp256k1::sign_message;
    use alloy_eips::eip4895::Withdrawals;
    use alloy_primitives::hex;
    use openledger_primitives::{BlockBody, Header};
    use proptest::prelude::*;

    const KEY: B256 = B256::repeat_byte(7);

    fn block(number: u64) -> Block {
        Block {
            header: Header {
                number,
                base_fee_per_gas: Some(1),
                withdrawals_root: Some(B256::repeat_byte(1)),
                blob_gas_used: Some(0),
                excess_blob_gas: Some(0),
                parent_beacon_block_root: Some(B256::ZERO),
                requests_hash: Some(B256::repeat_byte(2)),
                ..Header::default()
            },
            body: BlockBody {
                withdrawals: Some(Withdrawals::default()),
                ..BlockBody::default()
            },
        }
    }

    fn message(chain_id: u64) -> Vec<u8> {
        encode_feed_message(chain_id, &block(5), |digest| sign_message(KEY, digest)).unwrap()
    }

    #[test]
    fn the_digest_is_the_specification_s() {
        // keccak256(32 zero bytes ‖ u256(1) ‖ keccak256("")).
        let mut preimage = [0; 96];
        preimage[63] = 1;
        preimage[64..].copy_from_slice(&hex!(
            "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"
        ));
        assert_eq!(feed_digest(1, &[]), keccak256(preimage));
    }

    #[test]
    fn a_message_is_decoded_to_its_block_and_signer() {
        let decoded = FeedMessage::decode(9, &message(9)).unwrap();
        assert_eq!(decoded.block, block(5));
        let same_signer = encode_feed_message(9, &block(6), |digest| sign_message(KEY, digest));
        let other = FeedMessage::decode(9, &same_signer.unwrap()).unwrap();
        assert_eq!(decoded.signer, other.signer);
    }

    #[test]
    fn another_chain_s_message_has_another_signer() {
        let ours = FeedMessage::decode(9, &message(9)).unwrap();
        let theirs = FeedMessage::decode(10, &message(9));
        assert!(theirs.is_err() || theirs.unwrap().signer != ours.signer);
    }

    #[test]
    fn malformed_messages_are_refused() {
        let good = message(9);
        let refused = |message: &[u8]| FeedMessage::decode(9, message).unwrap_err();
        assert_eq!(refused(&good[..65]), FeedError::Length { len: 65 });
        let mut version = good.clone();
        version[0] = 1;
        assert_eq!(refused(&version), FeedError::Version { version: 1 });
        let mut parity = good.clone();
        parity[65] = 27;
        assert_eq!(refused(&parity), FeedError::Signature);
        let mut zero = good.clone();
        zero[1..33].fill(0);
        assert_eq!(refused(&zero), FeedError::Signature);
        let mut trailing =
            encode_feed_message(9, &block(5), |digest| sign_message(KEY, digest)).unwrap();
        trailing.push(0);
        // The signature covers the rest as well: it recovers to somebody else, or to nobody.
        assert!(matches!(
            refused(&trailing),
            FeedError::Trailing { len: 1 } | FeedError::Signature
        ));
        assert!(matches!(
            FeedMessage::decode(9, &good[..good.len() - 1]),
            Err(FeedError::Block(_) | FeedError::Signature)
        ));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = FeedMessage::decode(9, &bytes);
        }

        #[test]
        fn a_changed_byte_changes_block_or_signer(at in 1_usize..600, flip in 1_u8..=255) {
            let good = FeedMessage::decode(9, &message(9)).unwrap();
            let mut changed = message(9);
            let at = 1 + (at - 1) % (changed.len() - 1);
            changed[at] ^= flip;
            if let Ok(decoded) = FeedMessage::decode(9, &changed) {
                prop_assert_ne!(decoded.signer, good.signer);
            }
        }
    }
}
