use crate::L1Error;
use alloy_consensus::{
    ReceiptEnvelope, TxEnvelope,
    proofs::{calculate_receipt_root, ordered_trie_root_encoded},
    transaction::SignerRecoverable,
};
use alloy_eips::{
    BlockNumHash,
    eip2718::{Decodable2718, Encodable2718},
};
use alloy_primitives::{Address, B256, Bytes, TxKind};
use alloy_rpc_types_eth::{Block as RpcBlock, TransactionReceipt};
use openledger_primitives::{Header, SealedHeader};
use std::sync::OnceLock;

/// An L1 block whose header hashes to `hash` and whose transactions and receipts have the roots that
/// the header commits to.
///
/// `receipts` is index-aligned with `transactions`.
#[derive(Debug, Clone)]
pub struct L1BlockData {
    /// The header.
    pub header: Header,
    /// keccak256 of the header.
    pub hash: B256,
    /// The transactions, in order.
    pub transactions: Vec<L1Transaction>,
    /// The receipts, in order.
    pub receipts: Vec<ReceiptEnvelope>,
}

impl L1BlockData {
    /// The block's number and hash.
    pub const fn id(&self) -> BlockNumHash {
        BlockNumHash {
            number: self.header.number,
            hash: self.hash,
        }
    }
}

/// A transaction as the transactions root commits to it.
///
/// Its sender is recovered when it is first asked for: derivation needs it of transactions to the
/// inbox only, and recovery costs more than all else that is done to a block.
#[derive(Debug, Clone)]
pub struct L1Transaction {
    /// The transaction. Of a blob transaction, the form without sidecar.
    pub envelope: TxEnvelope,
    sender: OnceLock<Option<Address>>,
}

impl L1Transaction {
    /// A transaction whose sender is not recovered yet.
    pub const fn new(envelope: TxEnvelope) -> Self {
        Self {
            envelope,
            sender: OnceLock::new(),
        }
    }

    /// The transaction hash, computed from its encoding.
    pub fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    /// The sender, recovered from the signature; `None` where the signature names nobody, as in
    /// transactions that a local L1 was told to impersonate.
    pub fn sender(&self) -> Option<Address> {
        *self
            .sender
            .get_or_init(|| self.envelope.recover_signer().ok())
    }

    /// Whom the transaction calls; `None` for a contract creation.
    pub fn to(&self) -> Option<Address> {
        use alloy_consensus::Transaction as _;
        match self.envelope.kind() {
            TxKind::Call(to) => Some(to),
            TxKind::Create => None,
        }
    }

    /// The calldata.
    pub fn input(&self) -> &Bytes {
        use alloy_consensus::Transaction as _;
        self.envelope.input()
    }

    /// Versioned hashes of the transaction's blobs; none where it has no blobs.
    pub fn blob_hashes(&self) -> &[B256] {
        use alloy_consensus::Transaction as _;
        self.envelope.blob_versioned_hashes().unwrap_or_default()
    }
}

/// Number and hash of a header.
pub(crate) fn id_of(header: &SealedHeader) -> BlockNumHash {
    BlockNumHash {
        number: header.number,
        hash: header.hash(),
    }
}

/// The header with its recomputed hash, if that is `claimed`.
pub(crate) fn seal_header(header: Header, claimed: B256) -> Result<SealedHeader, L1Error> {
    let computed = header.hash_slow();
    if computed != claimed {
        return Err(L1Error::HeaderHash {
            number: header.number,
            claimed,
            computed,
        });
    }
    Ok(SealedHeader::new_unchecked(header, computed))
}

/// The header and transactions of an answer of `eth_getBlockBy…`, whose header hash the caller
/// has checked already.
pub(crate) fn verified_transactions(block: RpcBlock) -> Result<Vec<L1Transaction>, L1Error> {
    let number = block.header.inner.number;
    let expected = block.header.inner.transactions_root;
    // An empty list reads as a list of hashes.
    if !block.transactions.is_empty() && !block.transactions.is_full() {
        return Err(L1Error::TransactionsMissing { number });
    }
    let encoded: Vec<Vec<u8>> = block
        .transactions
        .into_transactions()
        .map(|tx| tx.inner.into_inner().encoded_2718())
        .collect();
    let computed = ordered_trie_root_encoded(&encoded);
    if computed != expected {
        return Err(L1Error::TransactionsRoot {
            number,
            header: expected,
            computed,
        });
    }
    // Decoded again from what the root commits to: hash, sender and so on in the answer are only
    // the endpoint's word.
    encoded
        .iter()
        .enumerate()
        .map(|(index, bytes)| {
            TxEnvelope::decode_2718(&mut bytes.as_slice())
                .map(L1Transaction::new)
                .map_err(|source| L1Error::TransactionEncoding {
                    number,
                    index,
                    source,
                })
        })
        .collect()
}

/// The consensus part of the receipts of the block with this header.
pub(crate) fn verified_receipts(
    header: &Header,
    receipts: Vec<TransactionReceipt>,
) -> Result<Vec<ReceiptEnvelope>, L1Error> {
    let receipts: Vec<ReceiptEnvelope> = receipts
        .into_iter()
        .map(|receipt| receipt.into_primitives_receipt().inner)
        .collect();
    let computed = calculate_receipt_root(&receipts);
    if computed != header.receipts_root {
        return Err(L1Error::ReceiptsRoot {
            number: header.number,
            header: header.receipts_root,
            computed,
        });
    }
    Ok(receipts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{EMPTY_ROOT_HASH, Receipt, SignableTransaction, TxEip1559};
    use alloy_network::TxSignerSync;
    use alloy_rpc_types_eth::{BlockTransactions, Header as RpcHeader, Transaction};
    use alloy_signer_local::PrivateKeySigner;

    fn signed(signer: &PrivateKeySigner, nonce: u64) -> TxEnvelope {
        let mut tx = TxEip1559 {
            chain_id: 1,
            nonce,
            gas_limit: 21_000,
            to: TxKind::Call(Address::repeat_byte(1)),
            input: Bytes::from(vec![nonce as u8; 40]),
            ..Default::default()
        };
        let signature = signer.sign_transaction_sync(&mut tx).expect("local key");
        tx.into_signed(signature).into()
    }

    fn answer(transactions: Vec<TxEnvelope>, root: B256) -> RpcBlock {
        let rpc = transactions
            .into_iter()
            .map(|tx| Transaction {
                // What an endpoint says of the sender is not looked at.
                inner: alloy_consensus::transaction::Recovered::new_unchecked(
                    tx,
                    Address::repeat_byte(9),
                ),
                block_hash: None,
                block_number: None,
                transaction_index: None,
                effective_gas_price: None,
                block_timestamp: None,
            })
            .collect();
        let header = Header {
            number: 7,
            transactions_root: root,
            ..Default::default()
        };
        RpcBlock {
            header: RpcHeader::new(header),
            transactions: BlockTransactions::Full(rpc),
            ..Default::default()
        }
    }

    #[test]
    fn a_header_must_hash_to_what_was_said() {
        let header = Header {
            number: 7,
            ..Default::default()
        };
        let hash = header.hash_slow();
        assert_eq!(
            seal_header(header.clone(), hash)
                .expect("right hash")
                .hash(),
            hash
        );
        let claimed = B256::repeat_byte(1);
        assert!(matches!(
            seal_header(header, claimed),
            Err(L1Error::HeaderHash { number: 7, claimed: c, computed }) if c == claimed && computed == hash
        ));
    }

    #[test]
    fn transactions_must_have_the_header_s_root() {
        let signer = PrivateKeySigner::random();
        let txs = vec![signed(&signer, 0), signed(&signer, 1)];
        let root = alloy_consensus::proofs::calculate_transaction_root(&txs);
        let verified = verified_transactions(answer(txs.clone(), root)).expect("right root");
        assert_eq!(verified.len(), 2);
        assert_eq!(verified[1].hash(), *txs[1].tx_hash());
        assert_eq!(verified[1].sender(), Some(signer.address()));
        assert_eq!(verified[1].to(), Some(Address::repeat_byte(1)));
        for wrong in [vec![txs[0].clone()], vec![txs[1].clone(), txs[0].clone()]] {
            assert!(matches!(
                verified_transactions(answer(wrong, root)),
                Err(L1Error::TransactionsRoot { number: 7, header, .. }) if header == root
            ));
        }
        let mut hashes = answer(txs, root);
        hashes.transactions = BlockTransactions::Hashes(vec![B256::ZERO]);
        assert!(matches!(
            verified_transactions(hashes),
            Err(L1Error::TransactionsMissing { number: 7 })
        ));
        let mut empty = answer(vec![], EMPTY_ROOT_HASH);
        empty.transactions = BlockTransactions::Hashes(vec![]);
        assert!(verified_transactions(empty).expect("empty").is_empty());
    }

    #[test]
    fn receipts_must_have_the_header_s_root() {
        let receipt = ReceiptEnvelope::Eip1559(
            Receipt {
                status: true.into(),
                cumulative_gas_used: 21_000,
                logs: vec![],
            }
            .into(),
        );
        let header = Header {
            receipts_root: calculate_receipt_root(std::slice::from_ref(&receipt)),
            ..Default::default()
        };
        let rpc = |inner: ReceiptEnvelope| TransactionReceipt {
            inner: inner.map_logs(|log| alloy_rpc_types_eth::Log {
                inner: log,
                ..Default::default()
            }),
            transaction_hash: B256::ZERO,
            transaction_index: None,
            block_hash: None,
            block_number: None,
            gas_used: 21_000,
            effective_gas_price: 0,
            blob_gas_used: None,
            blob_gas_price: None,
            from: Address::ZERO,
            to: None,
            contract_address: None,
        };
        assert_eq!(
            verified_receipts(&header, vec![rpc(receipt.clone())]).expect("right root"),
            [receipt]
        );
        assert!(matches!(
            verified_receipts(&header, vec![]),
            Err(L1Error::ReceiptsRoot {
                computed: EMPTY_ROOT_HASH,
                ..
            })
        ));
    }
}
