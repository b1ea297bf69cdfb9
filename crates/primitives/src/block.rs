use alloc::vec::Vec;
use alloy_primitives::{Address, B256};

/// A block header (Isthmus form: `withdrawals_root` is the message passer's storage root).
pub type Header = alloy_consensus::Header;
/// A header with its hash.
pub type SealedHeader = alloy_consensus::Sealed<Header>;
/// A transaction of any type that the chain admits: 0, 1, 2, 4 (EIP-7702) and 0x7E (deposit).
pub type Transaction = op_alloy_consensus::OpTxEnvelope;
/// A receipt of any transaction type.
pub type Receipt = op_alloy_consensus::OpReceiptEnvelope;
/// A block: header and body.
pub type Block = alloy_consensus::Block<Transaction>;
/// A block's transactions, (always empty) ommers and (always empty) withdrawals.
pub type BlockBody = alloy_consensus::BlockBody<Transaction>;

/// The sender that a deposit transaction names, or `None` for a signed transaction.
pub fn deposit_sender(tx: &Transaction) -> Option<Address> {
    match tx {
        Transaction::Deposit(deposit) => Some(deposit.from),
        _ => None,
    }
}

/// A block whose header commits to its body and state, with what executing it produced.
///
/// `senders` and `receipts` are index-aligned with `block.body.transactions`.
#[derive(Debug, Clone)]
pub struct SealedBlock {
    /// The header hash.
    pub hash: B256,
    /// Header and transactions.
    pub block: Block,
    /// The recovered sender of each transaction.
    pub senders: Vec<Address>,
    /// The receipt of each transaction.
    pub receipts: Vec<Receipt>,
}

impl SealedBlock {
    /// The block's number.
    pub const fn number(&self) -> u64 {
        self.block.header.number
    }

    /// The header with its hash.
    pub fn sealed_header(&self) -> SealedHeader {
        SealedHeader::new_unchecked(self.block.header.clone(), self.hash)
    }
}
