//! The claims on L1 that a withdrawal can be proved by.
//!
//! A claim is a dispute game. It serves if it is about the withdrawal's block or a later one, counts or can
//! still come to count, and says of that block what this chain's node says: whoever relies on a wrong claim
//! loses time when it is vetoed.

use super::withdrawal::Withdrawal;
use crate::bridge::{Connection, L2Node, ask};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, B256, Bytes, U256};
use anyhow::{Context, ensure};
use openledger_l1::contracts::{
    AnchorStateRegistry, DisputeGame, DisputeGameFactory, RollupPortal,
};
use openledger_primitives::predeploys::L2_TO_L1_MESSAGE_PASSER;
use openledger_protocol::OutputRoot;

/// Claims that are asked for in one call.
const PAGE: u64 = 64;
/// Most claims that are looked through: a year of one an hour.
const CLAIMS_MAX: u64 = 8_760;
/// Claims that are tried at either end of those that cover the block.
const TRIES: usize = 8;
/// Newest claims from which the time between claims is estimated.
const CADENCE_CLAIMS: usize = 8;
/// `GameStatus.CHALLENGER_WINS`.
const CHALLENGER_WINS: u8 = 1;
/// Seconds that the L2's clock may be ahead of the L1's (`max_sequencer_drift` since Fjord).
const DRIFT_SECONDS: u64 = 1_800;

/// A claim as the factory lists it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Claim {
    /// Its number in the factory.
    pub(super) index: u64,
    /// The game.
    pub(super) game: Address,
    /// Number of the L2 block that it is about.
    pub(super) block: u64,
    /// The output root that it claims.
    pub(super) root: B256,
    /// When it was made, seconds.
    pub(super) created_at: u64,
}

/// What the factory lists, as far back as it can matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// Those that cover the block, the oldest first.
    pub(super) covering: Vec<Claim>,
    /// The newest L2 block that any claim is about.
    pub(super) newest_block: Option<u64>,
    /// When the newest claims were made, the newest first.
    pub(super) made: Vec<u64>,
}

/// How a game stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GameState {
    /// Whether it was vetoed or set aside, or doesn't count for another reason.
    pub(super) is_void: bool,
    /// When its clock runs out, seconds.
    pub(super) expires_at: u64,
    /// When it was decided; 0 while it isn't.
    pub(super) resolved_at: u64,
}

/// A claim by which the withdrawal can be proved, with the proof.
#[derive(Debug, Clone)]
pub(super) struct Provable {
    pub(super) claim: Claim,
    /// Opens the claimed output root.
    pub(super) output: RollupPortal::OutputRootProof,
    /// Shows that L2 recorded the withdrawal.
    pub(super) nodes: Vec<Bytes>,
}

impl Claims {
    /// Reads the factory's list backwards until claims are older than the withdrawal.
    ///
    /// # Errors
    /// An L1 that doesn't answer, or contracts that are others.
    pub(super) async fn read(
        connection: &Connection,
        withdrawal: &Withdrawal,
    ) -> anyhow::Result<Self> {
        let contracts = connection.contracts();
        let game_type = RollupPortal::respectedGameTypeCall {};
        let game_type = ask(&connection.l1, contracts.portal, game_type).await?;
        let count = DisputeGameFactory::gameCountCall {};
        let count = ask(&connection.l1, contracts.dispute_game_factory, count).await?;
        let mut claims = Self::default();
        let mut next = count.saturating_to::<u64>().checked_sub(1);
        let mut looked_at = 0;
        while let Some(start) = next {
            let page = DisputeGameFactory::findLatestGamesCall {
                gameType: game_type,
                start: U256::from(start),
                n: U256::from(PAGE),
            };
            let page = ask(&connection.l1, contracts.dispute_game_factory, page).await?;
            let listed = page.len() as u64;
            let last = page.last().map(|found| found.index.saturating_to::<u64>());
            let is_older = page
                .iter()
                .filter_map(Claim::of)
                .any(|claim| claims.add(claim, withdrawal));
            looked_at += listed;
            if is_older || listed < PAGE || looked_at >= CLAIMS_MAX {
                break;
            }
            next = last.and_then(|last| last.checked_sub(1));
        }
        claims.covering.reverse();
        Ok(claims)
    }

    /// Adds a claim, from the newest to the oldest; answers whether none before it can matter.
    fn add(&mut self, claim: Claim, withdrawal: &Withdrawal) -> bool {
        // Who claims a block claims one that exists.
        if claim.created_at.saturating_add(DRIFT_SECONDS) < withdrawal.timestamp {
            return true;
        }
        self.newest_block = self.newest_block.max(Some(claim.block));
        if self.made.len() < CADENCE_CLAIMS {
            self.made.push(claim.created_at);
        }
        if claim.block >= withdrawal.block {
            self.covering.push(claim);
        }
        false
    }

    /// Those that cover the block in the order in which they are tried: the oldest counts first, and for
    /// the newest a node has the state.
    fn tries(&self) -> impl Iterator<Item = &Claim> {
        let oldest = self.covering.len().min(TRIES);
        let (oldest, rest) = self.covering.split_at(oldest);
        oldest.iter().chain(rest.iter().rev().take(TRIES))
    }

    /// Seconds until the next claim is made, if they go on as they have.
    pub(super) fn next_in(&self, now: u64) -> Option<u64> {
        let newest = *self.made.first()?;
        let mut gaps: Vec<u64> = self
            .made
            .windows(2)
            .filter_map(|pair| pair.first()?.checked_sub(*pair.get(1)?))
            .collect();
        gaps.sort_unstable();
        let gap = *gaps.get(gaps.len() / 2)?;
        Some(newest.saturating_add(gap).saturating_sub(now))
    }

    /// The claim to prove the withdrawal by; `None` if there is none yet.
    ///
    /// # Errors
    /// A layer that doesn't answer; a node without the state of any block that is claimed.
    pub(super) async fn provable(
        &self,
        connection: &Connection,
        l2: &L2Node,
        withdrawal: &Withdrawal,
    ) -> anyhow::Result<Option<Provable>> {
        let mut no_proof = None;
        for claim in self.tries() {
            let state = GameState::read(connection, claim.game).await?;
            if state.is_void {
                continue;
            }
            let Some(output) = output_root(l2, claim.block).await? else {
                continue;
            };
            if output.hash() != claim.root {
                tracing::warn!(
                    claim = claim.index,
                    block = claim.block,
                    claimed = %claim.root,
                    output = %output.hash(),
                    "a claim says something else than the node: it is not used"
                );
                continue;
            }
            match proof(l2, withdrawal, claim.block, &output).await {
                Ok(nodes) => {
                    return Ok(Some(Provable {
                        claim: *claim,
                        output: RollupPortal::OutputRootProof {
                            version: B256::ZERO,
                            stateRoot: output.state_root,
                            messagePasserStorageRoot: output.message_passer_storage_root,
                            latestBlockhash: output.block_hash,
                        },
                        nodes,
                    }));
                }
                Err(error) => no_proof = Some(error.context(format!(
                    "the proof from the state of L2 block {} (a node keeps states for store.history-days)",
                    claim.block
                ))),
            }
        }
        no_proof.map_or(Ok(None), Err)
    }
}

impl Claim {
    /// Reads an entry of the list; `None` if it is about no block that can be.
    fn of(found: &DisputeGameFactory::GameSearchResult) -> Option<Self> {
        let block: [u8; 32] = found.extraData.as_ref().try_into().ok()?;
        Some(Self {
            index: found.index.try_into().ok()?,
            // The lower 20 bytes.
            game: Address::from_word(found.metadata),
            block: U256::from_be_bytes(block).try_into().ok()?,
            root: found.rootClaim,
            created_at: found.timestamp,
        })
    }
}

impl GameState {
    /// Asks the game and the registry that judges it.
    ///
    /// # Errors
    /// An L1 that doesn't answer, or contracts that are others.
    pub(super) async fn read(connection: &Connection, game: Address) -> anyhow::Result<Self> {
        let (l1, registry) = (&connection.l1, connection.contracts().anchor_state_registry);
        let is_proper = AnchorStateRegistry::isGameProperCall { game };
        let is_respected = AnchorStateRegistry::isGameRespectedCall { game };
        let is_void = !ask(l1, registry, is_proper).await?
            || !ask(l1, registry, is_respected).await?
            || ask(l1, game, DisputeGame::statusCall {}).await? == CHALLENGER_WINS;
        Ok(Self {
            is_void,
            expires_at: ask(l1, game, DisputeGame::expiresAtCall {}).await?,
            resolved_at: ask(l1, game, DisputeGame::resolvedAtCall {}).await?,
        })
    }
}

/// What the node's block hashes to; `None` if it has no such block.
async fn output_root(l2: &L2Node, block: u64) -> anyhow::Result<Option<OutputRoot>> {
    let Some(header) = l2.header(BlockNumberOrTag::Number(block)).await? else {
        return Ok(None);
    };
    let root = header
        .withdrawals_root
        .with_context(|| format!("L2 block {block} has no withdrawals root"))?;
    Ok(Some(OutputRoot {
        state_root: header.state_root,
        message_passer_storage_root: root,
        block_hash: header.hash,
    }))
}

/// The nodes that show the withdrawal in the state of a block.
async fn proof(
    l2: &L2Node,
    withdrawal: &Withdrawal,
    block: u64,
    output: &OutputRoot,
) -> anyhow::Result<Vec<Bytes>> {
    let answer = l2
        .proof(L2_TO_L1_MESSAGE_PASSER, withdrawal.slot(), block)
        .await?;
    ensure!(
        answer.storage_hash == output.message_passer_storage_root,
        "the node proves from storage root {}, and the block has {}",
        answer.storage_hash,
        output.message_passer_storage_root
    );
    let slot = answer.storage_proof.into_iter().next();
    let slot = slot.context("the node's proof is about no slot")?;
    ensure!(
        slot.value == U256::ONE,
        "the withdrawal is not recorded in L2 block {block}"
    );
    Ok(slot.proof)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_sol_types::private::FixedBytes;

    fn withdrawal(block: u64, timestamp: u64) -> Withdrawal {
        Withdrawal {
            fields: RollupPortal::Withdrawal {
                nonce: U256::ZERO,
                sender: Address::ZERO,
                target: Address::ZERO,
                value: U256::ZERO,
                gasLimit: U256::ZERO,
                data: Bytes::new(),
            },
            hash: B256::ZERO,
            block,
            timestamp,
        }
    }

    fn claim(index: u64, block: u64, created_at: u64) -> Claim {
        Claim {
            index,
            game: Address::ZERO,
            block,
            root: B256::ZERO,
            created_at,
        }
    }

    #[test]
    fn claims_are_looked_through_until_they_are_too_old() {
        let withdrawal = withdrawal(100, 1_000_000);
        let mut claims = Claims::default();
        // The newest first; who claims need not go forward.
        for (index, block) in [(9, 130), (8, 99), (7, 100)] {
            assert!(!claims.add(claim(index, block, 1_000_000 + index), &withdrawal));
        }
        // The L2's clock may be ahead of the L1's.
        assert!(!claims.add(claim(6, 120, 1_000_000 - DRIFT_SECONDS), &withdrawal));
        assert!(claims.add(claim(5, 120, 999_999 - DRIFT_SECONDS), &withdrawal));
        claims.covering.reverse();
        let indexes: Vec<u64> = claims.covering.iter().map(|claim| claim.index).collect();
        assert_eq!(indexes, [6, 7, 9]);
        assert_eq!(claims.newest_block, Some(130));
    }

    #[test]
    fn the_oldest_and_the_newest_are_tried() {
        let mut claims = Claims::default();
        for index in 0..40 {
            claims.covering.push(claim(index, 5, 0));
        }
        let tried: Vec<u64> = claims.tries().map(|claim| claim.index).collect();
        let expected: Vec<u64> = (0..8).chain((32..40).rev()).collect();
        assert_eq!(tried, expected);
        claims.covering.truncate(3);
        assert_eq!(claims.tries().count(), 3);
    }

    #[test]
    fn the_next_claim_is_guessed_from_those_before() {
        let claims = |made: &[u64]| Claims {
            made: made.to_vec(),
            ..Claims::default()
        };
        assert_eq!(claims(&[]).next_in(0), None);
        assert_eq!(claims(&[100]).next_in(110), None);
        assert_eq!(claims(&[160, 100]).next_in(170), Some(50));
        assert_eq!(claims(&[160, 100, 40, 39]).next_in(1_000), Some(0));
        // Two in one second.
        assert_eq!(claims(&[160, 160, 100]).next_in(160), Some(60));
    }

    #[test]
    fn entries_of_the_list_are_read() {
        let entry = |extra: Vec<u8>| DisputeGameFactory::GameSearchResult {
            index: U256::from(3),
            metadata: FixedBytes(
                [[0xff; 12].as_slice(), &[7; 20]]
                    .concat()
                    .try_into()
                    .unwrap(),
            ),
            timestamp: 9,
            rootClaim: B256::repeat_byte(1),
            extraData: extra.into(),
        };
        let read = Claim::of(&entry(U256::from(1_000).to_be_bytes_vec())).unwrap();
        assert_eq!((read.index, read.block, read.created_at), (3, 1_000, 9));
        assert_eq!(read.game, Address::repeat_byte(7));
        assert_eq!(Claim::of(&entry(U256::MAX.to_be_bytes_vec())), None);
        assert_eq!(Claim::of(&entry(vec![0; 31])), None);
    }
}
