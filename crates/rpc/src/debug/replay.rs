//! A block once more, transaction by transaction, on its parent's state.

use crate::{api::Api, cache::CallState, call::Overlay, error::Failure, workers::Deadline};
use alloy_eips::Encodable2718 as _;
use alloy_evm::{Evm as _, EvmEnv, FromTxWithEncoded as _, block::SystemCaller};
use alloy_op_evm::{OpEvmContext, OpTx};
use alloy_primitives::{Address, B256};
use op_revm::{OpHaltReason, OpSpecId};
use openledger_chain::{OpenBlock, StateView};
use openledger_execution::{evm_env, evm_factory};
use openledger_primitives::{Header, SealedBlock, Transaction};
use revm::{
    DatabaseCommit as _, Inspector, context_interface::result::ResultAndState, database::CacheDB,
};
use std::sync::Arc;

/// The block that is run.
enum Source {
    Sealed(Arc<SealedBlock>),
    Open(Arc<OpenBlock>),
}

impl Source {
    fn transaction(&self, index: usize) -> Option<(&Transaction, Address)> {
        match self {
            Self::Sealed(block) => Some((
                block.block.body.transactions.get(index)?,
                *block.senders.get(index)?,
            )),
            Self::Open(block) => {
                let found = block.transactions.get(index)?;
                Some((&found.transaction, found.sender))
            }
        }
    }

    fn tx(&self, index: usize) -> Option<OpTx> {
        let (transaction, sender) = self.transaction(index)?;
        let encoded = transaction.encoded_2718().into();
        Some(OpTx::from_encoded_tx(transaction, sender, encoded))
    }
}

/// A block's transactions, to be run again in order.
pub(crate) struct Replay {
    source: Source,
    env: EvmEnv<OpSpecId>,
    db: Overlay,
    /// Position of the next transaction.
    next: usize,
}

impl Replay {
    /// A sealed block, before its first transaction.
    pub(crate) fn sealed(api: &Api, block: Arc<SealedBlock>) -> Result<Self, Failure> {
        let parent = block.number().checked_sub(1).ok_or(Failure::Unavailable(
            "genesis is not traceable: it has no transactions",
        ))?;
        let state = api.chain.state_at(parent)?;
        Self::new(api, Source::Sealed(block), state)
    }

    /// The open block, before its first transaction.
    pub(crate) fn open(api: &Api, block: Arc<OpenBlock>) -> Result<Self, Failure> {
        let (head, latest) = api.chain.latest();
        let state = if head.hash() == block.header.parent_hash {
            StateView::Latest(latest)
        } else {
            // It was sealed meanwhile.
            api.chain.state_at(block.header.number.saturating_sub(1))?
        };
        Self::new(api, Source::Open(block), state)
    }

    fn new(api: &Api, source: Source, state: StateView) -> Result<Self, Failure> {
        let db = CacheDB::new(CallState::new(state, api.call_caches.clone()));
        let mut replay = Self {
            env: EvmEnv::default(),
            source,
            db,
            next: 0,
        };
        let config = api.chain_config();
        replay.env = evm_env(config, replay.header());
        let header = replay.header().clone();
        let mut evm = evm_factory().create(&mut replay.db, replay.env.clone());
        SystemCaller::new(config.clone())
            .apply_pre_execution_changes(&header, &mut evm)
            .map_err(Failure::internal)?;
        drop(evm);
        Ok(replay)
    }

    /// The block's header; a draft of the open block's.
    pub(crate) fn header(&self) -> &Header {
        match &self.source {
            Source::Sealed(block) => &block.block.header,
            Source::Open(block) => &block.header,
        }
    }

    /// The block's hash; `None` of the open block.
    pub(crate) fn hash(&self) -> Option<B256> {
        match &self.source {
            Source::Sealed(block) => Some(block.hash),
            Source::Open(_) => None,
        }
    }

    /// The environment of the block.
    pub(crate) const fn env(&self) -> &EvmEnv<OpSpecId> {
        &self.env
    }

    /// The state before the next transaction.
    pub(crate) const fn db(&mut self) -> &mut Overlay {
        &mut self.db
    }

    /// How many transactions the block has.
    pub(crate) fn len(&self) -> usize {
        match &self.source {
            Source::Sealed(block) => block.block.body.transactions.len(),
            Source::Open(block) => block.transactions.len(),
        }
    }

    /// Position of the next transaction.
    pub(crate) const fn position(&self) -> usize {
        self.next
    }

    /// Hash of the next transaction.
    pub(crate) fn next_hash(&self) -> Option<B256> {
        self.source
            .transaction(self.next)
            .map(|(transaction, _)| transaction.tx_hash())
    }

    /// What the EVM gets of the next transaction.
    pub(crate) fn next_tx(&self) -> Option<OpTx> {
        self.source.tx(self.next)
    }

    /// Runs the transactions before `index` and keeps what they did.
    pub(crate) fn skip_to(&mut self, index: usize, deadline: Deadline) -> Result<(), Failure> {
        if self.next >= index {
            return Ok(());
        }
        let (source, next) = (&self.source, &mut self.next);
        let mut evm = evm_factory().create(&mut self.db, self.env.clone());
        while *next < index {
            deadline.check()?;
            let Some(tx) = source.tx(*next) else { break };
            let executed = evm.transact_raw(tx).map_err(Failure::from_evm)?;
            evm.db_mut().commit(executed.state);
            *next += 1;
        }
        Ok(())
    }

    /// Runs the next transaction under an inspector. Nothing is kept until [`Replay::commit`].
    pub(crate) fn inspect<I>(
        &mut self,
        tx: OpTx,
        inspector: I,
    ) -> Result<(ResultAndState<OpHaltReason>, I), Failure>
    where
        I: for<'a> Inspector<OpEvmContext<&'a mut Overlay>>,
    {
        let mut evm =
            evm_factory().create_with_inspector(&mut self.db, self.env.clone(), inspector);
        let result = evm.transact_raw(tx).map_err(Failure::from_evm)?;
        let inspector = evm.into_inner().0.inspector;
        Ok((result, inspector))
    }

    /// Keeps what the next transaction did, and goes on to the one after it.
    pub(crate) fn commit(&mut self, result: ResultAndState<OpHaltReason>) {
        self.db.commit(result.state);
        self.next += 1;
    }
}
