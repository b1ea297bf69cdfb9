use alloy_eips::BlockNumHash;
use alloy_primitives::{B256, Bytes};
use openledger_protocol::ChannelId;

const VERSION: u8 = 1;

/// What the batcher has kept beside each of its L1 transactions, so that after a restart it knows
/// what is on its way.
///
/// | offset | width | field            | encoding                                   |
/// |--------|-------|------------------|--------------------------------------------|
/// | 0      | 1     | version          | 1                                          |
/// | 1      | 16    | `id`             | the channel's                              |
/// | 17     | 8     | `from`           | its first L2 block, big-endian             |
/// | 25     | 8     | `to` number      | its last L2 block, big-endian              |
/// | 33     | 32    | `to` hash        |                                            |
/// | 65     | 8     | `first_epoch`    | its first block's L1 origin, big-endian    |
/// | 73     | 2     | `index`          | the transaction's place, from 0            |
/// | 75     | 2     | `total`          | the channel's transactions                 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ChannelTag {
    pub(crate) id: ChannelId,
    pub(crate) from: u64,
    pub(crate) to: BlockNumHash,
    pub(crate) first_epoch: u64,
    pub(crate) index: u16,
    pub(crate) total: u16,
}

impl ChannelTag {
    pub(crate) fn encode(&self) -> Bytes {
        let mut out = Vec::with_capacity(77);
        out.push(VERSION);
        out.extend_from_slice(&self.id);
        out.extend_from_slice(&self.from.to_be_bytes());
        out.extend_from_slice(&self.to.number.to_be_bytes());
        out.extend_from_slice(self.to.hash.as_slice());
        out.extend_from_slice(&self.first_epoch.to_be_bytes());
        out.extend_from_slice(&self.index.to_be_bytes());
        out.extend_from_slice(&self.total.to_be_bytes());
        out.into()
    }

    /// `None` if it is no tag of this version.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (version, rest) = bytes.split_first()?;
        let (id, rest) = rest.split_first_chunk()?;
        let (from, rest) = rest.split_first_chunk()?;
        let (number, rest) = rest.split_first_chunk()?;
        let (hash, rest) = rest.split_first_chunk::<32>()?;
        let (first_epoch, rest) = rest.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let (total, rest) = rest.split_first_chunk()?;
        (*version == VERSION && rest.is_empty()).then(|| Self {
            id: *id,
            from: u64::from_be_bytes(*from),
            to: BlockNumHash {
                number: u64::from_be_bytes(*number),
                hash: B256::from(*hash),
            },
            first_epoch: u64::from_be_bytes(*first_epoch),
            index: u16::from_be_bytes(*index),
            total: u16::from_be_bytes(*total),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tag = ChannelTag {
            id: [7; 16],
            from: 3,
            to: BlockNumHash {
                number: 900,
                hash: B256::repeat_byte(5),
            },
            first_epoch: 44,
            index: 1,
            total: 2,
        };
        let bytes = tag.encode();
        assert_eq!(bytes.len(), 77);
        assert_eq!(ChannelTag::decode(&bytes), Some(tag));
        for len in 0..bytes.len() {
            assert_eq!(ChannelTag::decode(&bytes[..len]), None);
        }
        let mut other = bytes.to_vec();
        other[0] = 2;
        assert_eq!(ChannelTag::decode(&other), None);
        other.push(0);
        assert_eq!(ChannelTag::decode(&other), None);
    }
}
