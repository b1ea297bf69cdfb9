//! The games of the factory, as L1 has them.

use crate::{Claimed, OutputSource, ProposerConfig, SourceError};
use alloy_eips::BlockId;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::SolCall;
use openledger_l1::{
    L1Client, L1Error,
    contracts::{AnchorStateRegistry, DisputeGame, DisputeGameFactory},
};
use std::sync::Arc;

/// Games that are asked for in one call.
const PAGE: u64 = 64;
/// `GameStatus.CHALLENGER_WINS`.
const CHALLENGER_WINS: u8 = 1;
/// `GameStatus.DEFENDER_WINS`.
const DEFENDER_WINS: u8 = 2;

/// Why the games can't be read.
#[derive(Debug, thiserror::Error)]
pub enum GamesError {
    /// The L1 could not be read.
    #[error("L1: {0}")]
    L1(#[from] L1Error),
    /// A contract answers in another form: it is not what its address says.
    #[error("{contract} doesn't answer {function} as expected: {source}")]
    Answer {
        /// Its address.
        contract: Address,
        /// What was asked.
        function: &'static str,
        /// Why.
        #[source]
        source: alloy_sol_types::Error,
    },
    /// The chain could not be read.
    #[error("chain: {0}")]
    Source(#[source] SourceError),
}

/// A game of the proposer's own whose bond is still in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OwnGame {
    pub(crate) address: Address,
    /// Index in the factory.
    pub(crate) index: u64,
}

/// What can be done about an own game's bond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BondStep {
    /// Its clock still runs, or its result doesn't count yet.
    Wait,
    /// Its clock ran out: it can be decided.
    Resolve,
    /// The bond can be claimed.
    Claim,
    /// There is nothing left to get.
    Done,
}

/// What the factory lists, newest first, as far as it was looked through.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// The newest claim that is right.
    pub(crate) newest: Option<Claimed>,
    /// Own games, newest first.
    pub(crate) own: Vec<OwnGame>,
    /// Index of the newest game of all.
    pub(crate) last_index: Option<u64>,
}

/// Reads games by `eth_call`.
pub(crate) struct Games<'a> {
    pub(crate) l1: &'a L1Client,
    pub(crate) config: &'a ProposerConfig,
}

impl Games<'_> {
    async fn ask<C: SolCall>(
        &self,
        contract: Address,
        function: &'static str,
        call: C,
    ) -> Result<C::Return, GamesError> {
        let answer = self
            .l1
            .call(contract, call.abi_encode().into(), BlockId::latest())
            .await?;
        C::abi_decode_returns(&answer).map_err(|source| GamesError::Answer {
            contract,
            function,
            source,
        })
    }

    /// The bond of a new game, wei.
    pub(crate) async fn bond(&self) -> Result<U256, GamesError> {
        let call = DisputeGameFactory::initBondsCall {
            gameType: self.config.game_type,
        };
        self.ask(self.config.factory, "initBonds", call).await
    }

    /// Number of the block that the anchor is about.
    pub(crate) async fn anchor(&self) -> Result<u64, GamesError> {
        let call = DisputeGameFactory::gameImplsCall {
            gameType: self.config.game_type,
        };
        let implementation = self.ask(self.config.factory, "gameImpls", call).await?;
        let call = DisputeGame::anchorStateRegistryCall {};
        let registry = self
            .ask(implementation, "anchorStateRegistry", call)
            .await?;
        let call = AnchorStateRegistry::getAnchorRootCall {};
        let anchor = self.ask(registry, "getAnchorRoot", call).await?;
        Ok(anchor.l2SequenceNumber.saturating_to())
    }

    /// Looks through the newest games for the newest right claim, and for games of `own` after the
    /// one with index `known`.
    ///
    /// A claim is right if it is what `source` has for a safe block. Games that were lost, or are about
    /// anything else, are nobody's concern.
    pub(crate) async fn list(
        &self,
        own: Address,
        known: Option<u64>,
        source: &Arc<dyn OutputSource>,
    ) -> Result<Listed, GamesError> {
        let count = DisputeGameFactory::gameCountCall {};
        let count = self.ask(self.config.factory, "gameCount", count).await?;
        let mut listed = Listed::default();
        let Some(mut start) = count.checked_sub(U256::ONE) else {
            return Ok(listed);
        };
        let mut seen = 0;
        while seen < self.config.games_max {
            let call = DisputeGameFactory::findLatestGamesCall {
                gameType: self.config.game_type,
                start,
                n: U256::from(PAGE),
            };
            let page = self
                .ask(self.config.factory, "findLatestGames", call)
                .await?;
            for game in &page {
                let index: u64 = game.index.saturating_to();
                listed.last_index.get_or_insert(index);
                let is_known = known.is_some_and(|known| index <= known);
                if is_known && listed.newest.is_some() {
                    return Ok(listed);
                }
                // Packed: game type (32 bits), timestamp (64), address (160).
                let address = Address::from_slice(&game.metadata[12..]);
                if listed.newest.is_none() {
                    let right = self
                        .right_claim(&game.extraData, game.rootClaim, source)
                        .await?;
                    if let Some(block) = right
                        && self.status(address).await? != CHALLENGER_WINS
                    {
                        listed.newest = Some(Claimed {
                            block,
                            created_at: game.timestamp,
                        });
                    }
                }
                if is_known {
                    continue;
                }
                let creator = DisputeGame::gameCreatorCall {};
                if self.ask(address, "gameCreator", creator).await? == own {
                    listed.own.push(OwnGame { address, index });
                }
            }
            seen += PAGE;
            match page
                .last()
                .and_then(|game| game.index.checked_sub(U256::ONE))
            {
                Some(next) => start = next,
                None => break,
            }
        }
        Ok(listed)
    }

    /// The block that a claim is about, if the claim is right.
    async fn right_claim(
        &self,
        extra_data: &Bytes,
        claim: B256,
        source: &Arc<dyn OutputSource>,
    ) -> Result<Option<u64>, GamesError> {
        let Ok(word) = <[u8; 32]>::try_from(extra_data.as_ref()) else {
            return Ok(None);
        };
        let Ok(block) = u64::try_from(U256::from_be_bytes(word)) else {
            return Ok(None);
        };
        if block > source.safe_head().number {
            return Ok(None);
        }
        let source = source.clone();
        let output = tokio::task::spawn_blocking(move || source.output_root(block))
            .await
            .map_err(|error| GamesError::Source(error.into()))?
            .map_err(GamesError::Source)?;
        Ok((output == Some(claim)).then_some(block))
    }

    async fn status(&self, game: Address) -> Result<u8, GamesError> {
        self.ask(game, "status", DisputeGame::statusCall {}).await
    }

    /// What can be done about the bond in `game` at L1 time `now`.
    pub(crate) async fn bond_step(
        &self,
        game: Address,
        own: Address,
        now: u64,
    ) -> Result<BondStep, GamesError> {
        let bond = self.ask(game, "bond", DisputeGame::bondCall {}).await?;
        if bond.is_zero() {
            return Ok(BondStep::Done);
        }
        let status = self.status(game).await?;
        if status != CHALLENGER_WINS && status != DEFENDER_WINS {
            let expires = self
                .ask(game, "expiresAt", DisputeGame::expiresAtCall {})
                .await?;
            return Ok(if now >= expires {
                BondStep::Resolve
            } else {
                BondStep::Wait
            });
        }
        let registry = DisputeGame::anchorStateRegistryCall {};
        let registry = self.ask(game, "anchorStateRegistry", registry).await?;
        let finalized = AnchorStateRegistry::isGameFinalizedCall { game };
        let paused = AnchorStateRegistry::pausedCall {};
        if !self.ask(registry, "isGameFinalized", finalized).await?
            || self.ask(registry, "paused", paused).await?
        {
            return Ok(BondStep::Wait);
        }
        // A lost game that the guardian set aside is refunded: then the creator has a credit only once
        // it is closed, which claiming does.
        let credit = DisputeGame::creditCall { recipient: own };
        let credit = self.ask(game, "credit", credit).await?;
        if !credit.is_zero() {
            return Ok(BondStep::Claim);
        }
        let proper = AnchorStateRegistry::isGameProperCall { game };
        Ok(if self.ask(registry, "isGameProper", proper).await? {
            BondStep::Done
        } else {
            BondStep::Claim
        })
    }
}
