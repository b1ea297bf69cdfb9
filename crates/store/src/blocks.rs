//! Reading blocks. Each call works on one snapshot, so that a block is never put together from two
//! chains.

use crate::{
    codec::{self, Reader},
    column::Column,
    error::StoreError,
    keys,
    store::{Store, View},
};
use alloy_primitives::{Address, B256};
use openledger_primitives::{Block, BlockBody, Receipt, SealedBlock, SealedHeader, Transaction};

const fn malformed(column: Column) -> StoreError {
    StoreError::MalformedRecord {
        column: column.name(),
    }
}

impl View {
    /// The header of a block; `None` if unknown.
    pub(crate) fn header(&self, number: u64) -> Result<Option<SealedHeader>, StoreError> {
        let record = self.snapshot.get(Column::Headers, keys::number(number))?;
        let decode =
            |record: &[u8]| codec::block::decode_header(record).ok_or(malformed(Column::Headers));
        record.map(|record| decode(&record)).transpose()
    }

    /// The hash of a block; `None` if unknown.
    pub(crate) fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        let record = self.snapshot.get(Column::Headers, keys::number(number))?;
        let hash = |record: &[u8]| codec::block::header_hash(record);
        record
            .map(|record| hash(&record).ok_or(malformed(Column::Headers)))
            .transpose()
    }

    /// Transactions and senders of a block; `None` if unknown.
    pub(crate) fn body(
        &self,
        number: u64,
    ) -> Result<Option<(Vec<Transaction>, Vec<Address>)>, StoreError> {
        let record = self.snapshot.get(Column::Bodies, keys::number(number))?;
        let decode =
            |record: &[u8]| codec::block::decode_body(record).ok_or(malformed(Column::Bodies));
        record.map(|record| decode(&record)).transpose()
    }

    /// Receipts of a block; `None` if unknown.
    pub(crate) fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, StoreError> {
        let record = self.snapshot.get(Column::Receipts, keys::number(number))?;
        let decode =
            |record: &[u8]| codec::receipt::decode(record).ok_or(malformed(Column::Receipts));
        record.map(|record| decode(&record)).transpose()
    }

    /// A block with all that belongs to it; `None` if unknown.
    pub(crate) fn sealed_block(&self, number: u64) -> Result<Option<SealedBlock>, StoreError> {
        let Some(header) = self.header(number)? else {
            return Ok(None);
        };
        let missing = |column: Column| StoreError::MissingRecord {
            column: column.name(),
            number,
        };
        let (transactions, senders) = self.body(number)?.ok_or(missing(Column::Bodies))?;
        let receipts = self.receipts(number)?.ok_or(missing(Column::Receipts))?;
        let (header, hash) = header.into_parts();
        Ok(Some(SealedBlock {
            hash,
            block: block_of(header, transactions),
            senders,
            receipts,
        }))
    }

    /// Where a transaction is: block and index; `None` if unknown.
    pub(crate) fn transaction_location(
        &self,
        hash: B256,
    ) -> Result<Option<(u64, u64)>, StoreError> {
        let record = self.snapshot.get(Column::TxIndex, hash)?;
        let decode = |record: &[u8]| {
            let mut reader = Reader::new(record);
            let location = (reader.varint()?, reader.varint()?);
            reader.is_empty().then_some(location)
        };
        record
            .map(|record| decode(&record).ok_or(malformed(Column::TxIndex)))
            .transpose()
    }

    /// The number of the block with this hash; `None` if unknown.
    pub(crate) fn block_number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        let record = self.snapshot.get(Column::BlockNumbers, hash)?;
        let decode = |record: &[u8]| {
            let mut reader = Reader::new(record);
            let number = reader.varint()?;
            reader.is_empty().then_some(number)
        };
        record
            .map(|record| decode(&record).ok_or(malformed(Column::BlockNumbers)))
            .transpose()
    }
}

const fn block_of(header: openledger_primitives::Header, transactions: Vec<Transaction>) -> Block {
    // Since Canyon every block has a withdrawals list, which is always empty on an L2.
    let withdrawals = match header.withdrawals_root {
        Some(_) => Some(alloy_eips::eip4895::Withdrawals(Vec::new())),
        None => None,
    };
    Block {
        header,
        body: BlockBody {
            transactions,
            ommers: Vec::new(),
            withdrawals,
        },
    }
}

impl Store {
    /// The header of block `number`; `None` if unknown.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails or is damaged; so for every read here.
    pub fn header(&self, number: u64) -> Result<Option<SealedHeader>, StoreError> {
        self.view().header(number)
    }

    /// The number of the block with this hash; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn block_number(&self, hash: B256) -> Result<Option<u64>, StoreError> {
        self.view().block_number(hash)
    }

    /// The hash of block `number`; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn block_hash(&self, number: u64) -> Result<Option<B256>, StoreError> {
        self.view().block_hash(number)
    }

    /// Block `number`; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn block(&self, number: u64) -> Result<Option<Block>, StoreError> {
        let view = self.view();
        let Some(header) = view.header(number)? else {
            return Ok(None);
        };
        let missing = StoreError::MissingRecord {
            column: Column::Bodies.name(),
            number,
        };
        let (transactions, _) = view.body(number)?.ok_or(missing)?;
        Ok(Some(block_of(header.into_inner(), transactions)))
    }

    /// The senders of block `number`'s transactions; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn senders(&self, number: u64) -> Result<Option<Vec<Address>>, StoreError> {
        Ok(self.view().body(number)?.map(|(_, senders)| senders))
    }

    /// The receipts of block `number`; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn receipts(&self, number: u64) -> Result<Option<Vec<Receipt>>, StoreError> {
        self.view().receipts(number)
    }

    /// Block `number` with senders and receipts; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn sealed_block(&self, number: u64) -> Result<Option<SealedBlock>, StoreError> {
        self.view().sealed_block(number)
    }

    /// The block and the index in it of the transaction with this hash; `None` if unknown.
    ///
    /// # Errors
    /// As [`Store::header`].
    pub fn transaction_location(&self, hash: B256) -> Result<Option<(u64, u64)>, StoreError> {
        self.view().transaction_location(hash)
    }
}
