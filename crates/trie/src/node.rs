use crate::nibbles::{HexPrefix, hex_prefix_encode, hex_prefix_len};
use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};
use alloy_rlp::Header;

/// Most bytes of RLP that a parent embeds in place of a hash.
pub const INLINE_BYTES_MAX: usize = 31;
/// RLP of an absent child and of a branch's empty value.
const EMPTY_STRING: u8 = alloy_rlp::EMPTY_STRING_CODE;
/// RLP header of a 32-byte string.
const HASH_HEADER: u8 = EMPTY_STRING + 32;

/// Why bytes aren't a node of a secure Merkle Patricia trie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NodeDecodeError {
    /// The RLP is malformed or not canonical.
    #[error("malformed RLP: {0}")]
    Rlp(alloy_rlp::Error),
    /// A node is a list of 2 or 17 items.
    #[error("a node has 2 or 17 items, not {0}")]
    Items(usize),
    /// Bytes follow the node.
    #[error("{0} bytes follow the node")]
    TrailingBytes(usize),
    /// The hex-prefix path of a leaf or an extension isn't canonical.
    #[error("the path isn't canonical hex-prefix")]
    Path,
    /// An extension has no nibbles, or no child.
    #[error("an extension needs nibbles and a child")]
    Extension,
    /// A child is neither empty, nor a hash, nor a node below 32 bytes.
    #[error("child {0} is neither empty, nor a hash, nor an embedded node")]
    Child(usize),
    /// A branch has a value, which keys of equal length rule out.
    #[error("a branch has a value")]
    BranchValue,
    /// A branch has fewer than two children.
    #[error("a branch has fewer than two children")]
    BranchChildren,
    /// The path below the node doesn't come to 64 nibbles.
    #[error("the path doesn't come to 64 nibbles")]
    Depth,
    /// The bytes don't hash to the hash by which they were asked for.
    #[error("the node's hash is {0}")]
    Hash(B256),
}

/// How a parent refers to a child: by hash, or by embedding RLP below 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reference {
    /// Bytes used in `bytes`: 32 for a hash, fewer for embedded RLP.
    len: u8,
    bytes: [u8; 32],
}

impl Reference {
    /// No reference: an absent child.
    pub(crate) const NONE: Self = Self {
        len: 0,
        bytes: [0; 32],
    };

    /// A reference by hash.
    pub const fn hash(hash: B256) -> Self {
        Self {
            len: 32,
            bytes: hash.0,
        }
    }

    /// The reference to a node with this RLP.
    pub fn to_node(rlp: &[u8]) -> Self {
        if rlp.len() > INLINE_BYTES_MAX {
            return Self::hash(keccak256(rlp));
        }
        let mut bytes = [0; 32];
        bytes[..rlp.len()].copy_from_slice(rlp);
        // At most 31.
        Self {
            len: rlp.len() as u8,
            bytes,
        }
    }

    /// The hash, unless the node is embedded.
    pub const fn as_hash(&self) -> Option<B256> {
        if self.len == 32 {
            Some(B256::new(self.bytes))
        } else {
            None
        }
    }

    /// The embedded RLP, unless the node is referred to by hash.
    pub fn as_inline(&self) -> Option<&[u8]> {
        (self.len < 32).then(|| &self.bytes[..usize::from(self.len)])
    }

    pub(crate) const fn is_hash(&self) -> bool {
        self.len == 32
    }

    /// Bytes of the reference in its parent's RLP.
    const fn encoded_len(&self) -> usize {
        match self.len {
            0 => 1,
            32 => 33,
            inline => inline as usize,
        }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        match self.len {
            0 => out.push(EMPTY_STRING),
            32 => {
                out.push(HASH_HEADER);
                out.extend_from_slice(&self.bytes);
            }
            inline => out.extend_from_slice(&self.bytes[..usize::from(inline)]),
        }
    }
}

/// [`Reference`], borrowed from the parent's RLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefView<'a> {
    /// keccak256 of the child's RLP.
    Hash(&'a [u8; 32]),
    /// The child's RLP, below 32 bytes.
    Inline(&'a [u8]),
}

impl RefView<'_> {
    /// The reference by value.
    pub fn to_reference(self) -> Reference {
        match self {
            Self::Hash(hash) => Reference {
                len: 32,
                bytes: *hash,
            },
            Self::Inline(rlp) => Reference::to_node(rlp),
        }
    }
}

/// A node, borrowed from its RLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeView<'a> {
    /// The end of a path.
    Leaf {
        /// The path's remaining nibbles.
        suffix: HexPrefix<'a>,
        /// The value: RLP of the account, or of the storage word.
        value: &'a [u8],
    },
    /// Nibbles shared by everything below, which is a branch.
    Extension {
        /// The shared nibbles, at least one.
        path: HexPrefix<'a>,
        /// The branch.
        child: RefView<'a>,
    },
    /// Two to sixteen children, by nibble.
    Branch {
        /// The children, by nibble.
        children: [Option<RefView<'a>>; 16],
    },
}

/// Takes the next item off `buf`: whether it is a list, its payload and its whole RLP.
fn next_item<'a>(buf: &mut &'a [u8]) -> Result<(bool, &'a [u8], &'a [u8]), NodeDecodeError> {
    let whole = *buf;
    let header = Header::decode(buf).map_err(NodeDecodeError::Rlp)?;
    let (payload, rest) = buf
        .split_at_checked(header.payload_length)
        .ok_or(NodeDecodeError::Rlp(alloy_rlp::Error::InputTooShort))?;
    *buf = rest;
    Ok((header.list, payload, &whole[..whole.len() - rest.len()]))
}

/// Takes the next item off `buf` as a child.
fn next_child<'a>(
    buf: &mut &'a [u8],
    index: usize,
) -> Result<Option<RefView<'a>>, NodeDecodeError> {
    match next_item(buf)? {
        (false, [], _) => Ok(None),
        (false, hash, _) => match hash.try_into() {
            Ok(hash) => Ok(Some(RefView::Hash(hash))),
            Err(_) => Err(NodeDecodeError::Child(index)),
        },
        (true, _, rlp) if rlp.len() <= INLINE_BYTES_MAX => Ok(Some(RefView::Inline(rlp))),
        (true, ..) => Err(NodeDecodeError::Child(index)),
    }
}

/// Items in a list's payload, counted no further than a branch's 17 and one.
fn count_items(mut payload: &[u8]) -> Result<usize, NodeDecodeError> {
    let mut items = 0;
    while !payload.is_empty() && items <= 17 {
        next_item(&mut payload)?;
        items += 1;
    }
    Ok(items)
}

impl<'a> NodeView<'a> {
    /// Decodes a node.
    ///
    /// # Errors
    /// [`NodeDecodeError`] for anything that isn't the canonical RLP of a node of a secure trie.
    pub fn decode(rlp: &'a [u8]) -> Result<Self, NodeDecodeError> {
        let mut rest = rlp;
        let (list, mut payload, _) = next_item(&mut rest)?;
        if !list {
            return Err(NodeDecodeError::Rlp(alloy_rlp::Error::UnexpectedString));
        }
        if !rest.is_empty() {
            return Err(NodeDecodeError::TrailingBytes(rest.len()));
        }
        match count_items(payload)? {
            2 => {
                let (list, encoded, _) = next_item(&mut payload)?;
                let (path, leaf) = HexPrefix::decode(encoded)
                    .filter(|_| !list)
                    .ok_or(NodeDecodeError::Path)?;
                if leaf {
                    let (list, value, _) = next_item(&mut payload)?;
                    if list || value.is_empty() {
                        return Err(NodeDecodeError::Rlp(alloy_rlp::Error::UnexpectedList));
                    }
                    return Ok(Self::Leaf {
                        suffix: path,
                        value,
                    });
                }
                match next_child(&mut payload, 0)? {
                    Some(child) if !path.is_empty() => Ok(Self::Extension { path, child }),
                    _ => Err(NodeDecodeError::Extension),
                }
            }
            17 => {
                let mut children = [None; 16];
                for (index, child) in children.iter_mut().enumerate() {
                    *child = next_child(&mut payload, index)?;
                }
                if payload != [EMPTY_STRING] {
                    return Err(NodeDecodeError::BranchValue);
                }
                if children.iter().flatten().count() < 2 {
                    return Err(NodeDecodeError::BranchChildren);
                }
                Ok(Self::Branch { children })
            }
            items => Err(NodeDecodeError::Items(items)),
        }
    }

    /// Decodes a node that stands `depth` nibbles below the root, checking that its path can end at
    /// 64 nibbles.
    ///
    /// # Errors
    /// As [`NodeView::decode`], and [`NodeDecodeError::Depth`].
    pub fn decode_at(rlp: &'a [u8], depth: usize) -> Result<Self, NodeDecodeError> {
        let node = Self::decode(rlp)?;
        let fits = match node {
            Self::Leaf { suffix, .. } => {
                depth.checked_add(suffix.len()) == Some(crate::KEY_NIBBLES)
            }
            // A branch must follow.
            Self::Extension { path, .. } => depth
                .checked_add(path.len())
                .is_some_and(|end| end < crate::KEY_NIBBLES),
            Self::Branch { .. } => depth < crate::KEY_NIBBLES,
        };
        if fits {
            Ok(node)
        } else {
            Err(NodeDecodeError::Depth)
        }
    }
}

/// Appends the header of a list with this payload.
fn list_header(payload_length: usize, out: &mut Vec<u8>) {
    Header {
        list: true,
        payload_length,
    }
    .encode(out);
}

/// Appends a byte string.
fn encode_string(bytes: &[u8], out: &mut Vec<u8>) {
    alloy_rlp::Encodable::encode(bytes, out);
}

/// Bytes of a hex-prefix path of `nibbles` nibbles as an RLP string.
const fn path_encoded_len(nibbles: usize) -> usize {
    // A single byte is below 0x80 (its high nibble is a flag of at most 3), so it is its own RLP.
    if nibbles < 2 {
        1
    } else {
        1 + hex_prefix_len(nibbles)
    }
}

fn encode_path(path: impl ExactSizeIterator<Item = u8>, leaf: bool, out: &mut Vec<u8>) {
    let len = hex_prefix_len(path.len());
    if len > 1 {
        // At most 33 bytes of a 64-nibble path.
        out.push(EMPTY_STRING + len as u8);
    }
    hex_prefix_encode(path, leaf, out);
}

/// Appends a leaf's RLP. `suffix` holds at most 64 nibbles.
pub fn encode_leaf(suffix: impl ExactSizeIterator<Item = u8>, value: &[u8], out: &mut Vec<u8>) {
    let value_len = alloy_rlp::Encodable::length(value);
    let payload = path_encoded_len(suffix.len()) + value_len;
    out.reserve(payload + 3);
    list_header(payload, out);
    encode_path(suffix, true, out);
    encode_string(value, out);
}

/// Appends an extension's RLP. `path` holds at most 64 nibbles.
pub fn encode_extension(
    path: impl ExactSizeIterator<Item = u8>,
    child: &Reference,
    out: &mut Vec<u8>,
) {
    list_header(path_encoded_len(path.len()) + child.encoded_len(), out);
    encode_path(path, false, out);
    child.encode(out);
}

/// Appends a branch's RLP: `child` answers for each nibble from 0 to 15.
pub fn encode_branch<'a>(child: impl Fn(u8) -> Option<&'a Reference>, out: &mut Vec<u8>) {
    let payload: usize = 1
        + (0..16)
            .map(|n| child(n).map_or(1, Reference::encoded_len))
            .sum::<usize>();
    list_header(payload, out);
    for nibble in 0..16 {
        match child(nibble) {
            Some(reference) => reference.encode(out),
            None => out.push(EMPTY_STRING),
        }
    }
    out.push(EMPTY_STRING);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn nodes_round_trip() {
        let hash = Reference::hash(B256::repeat_byte(7));
        let mut rlp = Vec::new();
        encode_leaf([1, 2, 3].into_iter(), &[0x99; 60], &mut rlp);
        let NodeView::Leaf { suffix, value } = NodeView::decode(&rlp).unwrap() else {
            panic!()
        };
        assert_eq!((suffix.to_vec(), value), (vec![1, 2, 3], &[0x99; 60][..]));

        let mut inline = Vec::new();
        encode_leaf([4].into_iter(), &[5], &mut inline);
        let inline = Reference::to_node(&inline);
        assert_eq!(inline.as_inline().map(<[u8]>::len), Some(3));

        let mut rlp = Vec::new();
        encode_branch(
            |nibble| match nibble {
                3 => Some(&hash),
                9 => Some(&inline),
                _ => None,
            },
            &mut rlp,
        );
        let NodeView::Branch { children } = NodeView::decode(&rlp).unwrap() else {
            panic!()
        };
        assert_eq!(children.iter().flatten().count(), 2);
        assert_eq!(children[3].unwrap().to_reference(), hash);
        assert_eq!(children[9].unwrap().to_reference(), inline);

        let mut rlp = Vec::new();
        encode_extension([8, 9].into_iter(), &hash, &mut rlp);
        let NodeView::Extension { path, child } = NodeView::decode(&rlp).unwrap() else {
            panic!()
        };
        assert_eq!((path.to_vec(), child.to_reference()), (vec![8, 9], hash));
    }

    proptest::proptest! {
        /// Whatever decodes is canonical: encoding it again gives the same bytes.
        #[test]
        fn decoded_nodes_encode_to_the_same_bytes(
            kind in 0..4,
            random in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..60),
            at in 0..60_usize,
            flip in proptest::prelude::any::<u8>(),
        ) {
            let hash = Reference::hash(B256::repeat_byte(7));
            let small = Reference::to_node(&[0xc2, 0x31, 0x05]);
            let nibbles = random.iter().map(|byte| byte & 0x0f);
            let mut rlp = Vec::new();
            match kind {
                0 => encode_leaf(nibbles, &[flip | 1], &mut rlp),
                1 => encode_extension(nibbles, if flip % 2 == 0 { &hash } else { &small }, &mut rlp),
                2 => encode_branch(
                    |n| match flip.rotate_left(u32::from(n)) % 3 {
                        0 => None,
                        1 => Some(&hash),
                        _ => Some(&small),
                    },
                    &mut rlp,
                ),
                _ => rlp = random.clone(),
            }
            if let Some(byte) = rlp.get_mut(at) {
                *byte ^= flip & 0x11;
            }
            let mut again = Vec::new();
            match NodeView::decode(&rlp) {
                Ok(NodeView::Leaf { suffix, value }) => {
                    encode_leaf(suffix.to_vec().into_iter(), value, &mut again);
                }
                Ok(NodeView::Extension { path, child }) => {
                    encode_extension(path.to_vec().into_iter(), &child.to_reference(), &mut again);
                }
                Ok(NodeView::Branch { children }) => {
                    let children = children.map(|child| child.map(RefView::to_reference));
                    encode_branch(|n| children[usize::from(n)].as_ref(), &mut again);
                }
                Err(_) => return Ok(()),
            }
            proptest::prop_assert_eq!(again, rlp);
        }
    }

    #[test]
    fn malformed_nodes_are_refused() {
        assert!(matches!(
            NodeView::decode(&[]),
            Err(NodeDecodeError::Rlp(_))
        ));
        assert!(matches!(
            NodeView::decode(&[0x80]),
            Err(NodeDecodeError::Rlp(_))
        ));
        assert_eq!(NodeView::decode(&[0xc0]), Err(NodeDecodeError::Items(0)));
        assert_eq!(
            NodeView::decode(&[0xc2, 0x80, 0x01]),
            Err(NodeDecodeError::Path)
        );
        assert_eq!(
            NodeView::decode(&[0xc2, 0x20, 0x01, 0x00]),
            Err(NodeDecodeError::TrailingBytes(1))
        );
        assert_eq!(
            NodeView::decode(&[0xc2, 0x00, 0x80]),
            Err(NodeDecodeError::Extension)
        );
        assert_eq!(
            NodeView::decode(&[0xc2, 0x11, 0x01]),
            Err(NodeDecodeError::Child(0))
        );
        let mut branch = vec![0xd1];
        branch.extend([0x80; 17]);
        assert_eq!(
            NodeView::decode(&branch),
            Err(NodeDecodeError::BranchChildren)
        );
        branch[17] = 0x01;
        assert_eq!(NodeView::decode(&branch), Err(NodeDecodeError::BranchValue));
    }
}
