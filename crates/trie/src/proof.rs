use crate::{
    error::ProofError,
    nibbles::unpack_key,
    node::{NodeView, RefView},
};
use alloc::vec::Vec;
use alloy_primitives::{B256, Bytes};
use openledger_primitives::{EMPTY_ROOT_HASH, NodeReader};

/// The nodes from `root` towards `key`, root first: a proof of the value at `key`, or that there is
/// none.
///
/// `account` is the hashed address for a storage trie and `None` for the account trie; `key` is the
/// hashed address or hashed slot. Nodes below 32 bytes stand in their parents and are not listed. The
/// proof for an empty trie is empty. (EIP-1186.)
///
/// # Errors
/// [`ProofError`] if the reader fails or returns what isn't a node.
pub fn prove<N: NodeReader>(
    root: B256,
    account: Option<B256>,
    key: B256,
    nodes: &N,
) -> Result<Vec<Bytes>, ProofError<N::Error>> {
    let mut proof = Vec::new();
    if root == EMPTY_ROOT_HASH {
        return Ok(proof);
    }
    let key = unpack_key(&key);
    let mut depth = 0;
    // The node to look at next: in the last proof node, or to be read.
    let mut next = Some(root);
    while let Some(hash) = next.take() {
        let rlp = nodes
            .node(account, &key[..depth], hash)
            .map_err(ProofError::Node)?;
        let mut bytes: &[u8] = &rlp;
        // At most 64 turns: each goes at least one nibble down, and `decode_at` bounds the depth.
        loop {
            let node =
                NodeView::decode_at(bytes, depth).map_err(|source| ProofError::Malformed {
                    account,
                    path: key[..depth].to_vec(),
                    source,
                })?;
            let child = match node {
                NodeView::Leaf { .. } => None,
                NodeView::Extension { path, child } => {
                    let matches = path.common_prefix(&key[depth..]) == path.len();
                    depth += path.len();
                    matches.then_some(child)
                }
                NodeView::Branch { children } => {
                    let child = children[usize::from(key[depth])];
                    depth += 1;
                    child
                }
            };
            match child {
                Some(RefView::Inline(inline)) => bytes = inline,
                Some(RefView::Hash(hash)) => {
                    next = Some(B256::new(*hash));
                    break;
                }
                None => break,
            }
        }
        proof.push(rlp);
    }
    Ok(proof)
}
