//! The games of the factory, as L1 has them.

use crate::{Claimed, Output, OutputSource, SourceError};
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
pub(crate) const CHALLENGER_WINS: u8 = 1;
/// `GameStatus.DEFENDER_WINS`.
pub(crate) const DEFENDER_WINS: u8 = 2;

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
    /// There are more games than are looked through.
    #[error("more than {max} games were made in {seconds} s")]
    TooMany {
        /// Most that are looked through.
        max: usize,
        /// Seconds of the L1's clock in which they were made.
        seconds: u64,
    },
}

/// A game as the factory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Game {
    pub(crate) address: Address,
    /// When it was made, seconds by the L1's clock.
    pub(crate) created_at: u64,
    /// The output root that it claims.
    pub(crate) claim: B256,
    /// The block that the claim is about; `None` if its extra data is no block's number.
    pub(crate) block: Option<u64>,
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
#[derive(Debug, Clone, Copy)]
pub(crate) struct Games<'a> {
    pub(crate) l1: &'a L1Client,
    pub(crate) factory: Address,
    pub(crate) game_type: u32,
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
            gameType: self.game_type,
        };
        self.ask(self.factory, "initBonds", call).await
    }

    /// Number of the block that the anchor is about.
    pub(crate) async fn anchor(&self) -> Result<u64, GamesError> {
        let call = DisputeGameFactory::gameImplsCall {
            gameType: self.game_type,
        };
        let implementation = self.ask(self.factory, "gameImpls", call).await?;
        let call = DisputeGame::anchorStateRegistryCall {};
        let registry = self
            .ask(implementation, "anchorStateRegistry", call)
            .await?;
        let call = AnchorStateRegistry::getAnchorRootCall {};
        let anchor = self.ask(registry, "getAnchorRoot", call).await?;
        Ok(anchor.l2SequenceNumber.saturating_to())
    }

    /// Looks through the newest `games_max` games for the newest right claim, and for games of `own`
    /// after the one with index `known`.
    ///
    /// A claim is right if it is what `source` has for a safe block. Games that were lost, or are about
    /// anything else, are nobody's concern.
    pub(crate) async fn list(
        &self,
        own: Address,
        known: Option<u64>,
        games_max: u64,
        source: &Arc<dyn OutputSource>,
    ) -> Result<Listed, GamesError> {
        let mut listed = Listed::default();
        let mut pages = self.pages().await?;
        let mut seen = 0;
        while seen < games_max
            && let Some(page) = pages.next().await?
        {
            for found in &page {
                let index: u64 = found.index.saturating_to();
                listed.last_index.get_or_insert(index);
                let is_known = known.is_some_and(|known| index <= known);
                if is_known && listed.newest.is_some() {
                    return Ok(listed);
                }
                let game = read(found);
                if listed.newest.is_none()
                    && let Some(block) = game.block
                    && self.is_right(block, game.claim, source).await?
                    && self.status(game.address).await? != CHALLENGER_WINS
                {
                    listed.newest = Some(Claimed {
                        block,
                        created_at: game.created_at,
                    });
                }
                if is_known {
                    continue;
                }
                let creator = DisputeGame::gameCreatorCall {};
                if self.ask(game.address, "gameCreator", creator).await? == own {
                    listed.own.push(OwnGame {
                        address: game.address,
                        index,
                    });
                }
            }
            seen += PAGE;
        }
        Ok(listed)
    }

    /// The games that were made at or after `since`, newest first, at most `games_max`.
    pub(crate) async fn since(
        &self,
        since: u64,
        now: u64,
        games_max: usize,
    ) -> Result<Vec<Game>, GamesError> {
        let mut games = Vec::new();
        let mut pages = self.pages().await?;
        while let Some(page) = pages.next().await? {
            for game in page.iter().map(read) {
                if game.created_at < since {
                    return Ok(games);
                }
                if games.len() >= games_max {
                    return Err(GamesError::TooMany {
                        max: games_max,
                        seconds: now.saturating_sub(since),
                    });
                }
                games.push(game);
            }
        }
        Ok(games)
    }

    /// The factory's list, from the newest game on.
    async fn pages(&self) -> Result<Pages<'_>, GamesError> {
        let count = DisputeGameFactory::gameCountCall {};
        let count = self.ask(self.factory, "gameCount", count).await?;
        Ok(Pages {
            games: self,
            start: count.checked_sub(U256::ONE),
        })
    }

    /// The game with this claim; `None` if L1 has none.
    pub(crate) async fn find(
        &self,
        claim: B256,
        block: u64,
    ) -> Result<Option<Address>, GamesError> {
        let call = DisputeGameFactory::gamesCall {
            gameType: self.game_type,
            rootClaim: claim,
            extraData: extra_data(block),
        };
        let found = self.ask(self.factory, "games", call).await?;
        Ok(Some(found.proxy).filter(|game| !game.is_zero()))
    }

    /// Whether a claim is what `source` has for a safe block.
    pub(crate) async fn is_right(
        &self,
        block: u64,
        claim: B256,
        source: &Arc<dyn OutputSource>,
    ) -> Result<bool, GamesError> {
        if block > source.safe_head().number {
            return Ok(false);
        }
        let output = output_of(source, block).await?;
        Ok(output.is_some_and(|output| output.root == claim))
    }

    /// `GameStatus` of a game.
    pub(crate) async fn status(&self, game: Address) -> Result<u8, GamesError> {
        self.ask(game, "status", DisputeGame::statusCall {}).await
    }

    /// When a game's clock runs out, seconds by the L1's clock.
    pub(crate) async fn expires_at(&self, game: Address) -> Result<u64, GamesError> {
        self.ask(game, "expiresAt", DisputeGame::expiresAtCall {})
            .await
    }

    /// Who may veto a game.
    pub(crate) async fn challenger(&self, game: Address) -> Result<Address, GamesError> {
        self.ask(game, "challenger", DisputeGame::challengerCall {})
            .await
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
            let expires = self.expires_at(game).await?;
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

/// Reads the factory's list backwards.
struct Pages<'a> {
    games: &'a Games<'a>,
    /// Index of the newest game of the next page.
    start: Option<U256>,
}

impl Pages<'_> {
    /// The next games, newest first; `None` when all were read.
    async fn next(
        &mut self,
    ) -> Result<Option<Vec<DisputeGameFactory::GameSearchResult>>, GamesError> {
        let Some(start) = self.start else {
            return Ok(None);
        };
        let call = DisputeGameFactory::findLatestGamesCall {
            gameType: self.games.game_type,
            start,
            n: U256::from(PAGE),
        };
        let page = self
            .games
            .ask(self.games.factory, "findLatestGames", call)
            .await?;
        self.start = page
            .last()
            .and_then(|game| game.index.checked_sub(U256::ONE));
        Ok(Some(page))
    }
}

/// Extra data of a game about a block.
pub(crate) fn extra_data(block: u64) -> Bytes {
    U256::from(block).to_be_bytes::<32>().into()
}

fn read(game: &DisputeGameFactory::GameSearchResult) -> Game {
    let word = <[u8; 32]>::try_from(game.extraData.as_ref()).ok();
    let block = word.and_then(|word| u64::try_from(U256::from_be_bytes(word)).ok());
    Game {
        // Packed: game type (32 bits), timestamp (64), address (160).
        address: Address::from_slice(&game.metadata[12..]),
        created_at: game.timestamp,
        claim: game.rootClaim,
        block,
    }
}

/// The output of a block, read where disk work holds up nobody.
pub(crate) async fn output_of(
    source: &Arc<dyn OutputSource>,
    block: u64,
) -> Result<Option<Output>, GamesError> {
    let source = source.clone();
    tokio::task::spawn_blocking(move || source.output(block))
        .await
        .map_err(|error| GamesError::Source(error.into()))?
        .map_err(GamesError::Source)
}
