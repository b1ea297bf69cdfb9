//! How far a withdrawal is.

use super::{
    claims::{Claims, GameState, Provable},
    withdrawal::Withdrawal,
};
use crate::bridge::{Connection, L2Node, ask, duration};
use alloy_eips::BlockNumberOrTag;
use alloy_primitives::{Address, U256};
use openledger_l1::contracts::{AnchorStateRegistry, RollupPortal};
use openledger_primitives::L1Contracts;

/// Proofs of a withdrawal that are looked at, the newest ones: anybody may add one.
const PROOFS_MAX: u64 = 16;
/// Seconds after which somebody else than the proposer decides a game whose clock ran out.
const RESOLVE_GRACE_SECONDS: u64 = 30;

/// How far a withdrawal is.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// It was paid.
    Finalized,
    /// L1 never calls its target: it can't be paid.
    Refused,
    /// The guardian paused withdrawals.
    Paused {
        /// When that ends, seconds.
        until: u64,
    },
    /// No claim covers its block.
    Unclaimed {
        /// The newest block that is claimed.
        claimed: Option<u64>,
        /// The newest block that L1 holds.
        safe: u64,
        /// Seconds until the next claim, if they go on as they have.
        next_in: Option<u64>,
    },
    /// It can be proved.
    Provable(Box<Provable>),
    /// It is proved, and neither the proof nor the claim is old enough.
    Maturing(Proof),
    /// It can be paid.
    Payable(Proof),
}

/// A proof of a withdrawal that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proof {
    /// Who submitted it.
    pub(super) submitter: Address,
    /// The claim that it relies on.
    pub(super) game: Address,
    /// Seconds until it can be paid.
    pub(super) seconds: u64,
    /// Whether the claim's clock ran out a while ago and nobody decided it.
    pub(super) needs_resolve: bool,
}

/// A withdrawal's stage as of an L1 block.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    pub(super) stage: Stage,
    /// The L1's clock, seconds.
    pub(super) now: u64,
}

/// Seconds that the portal and the registry ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Delays {
    /// From the proof.
    maturity: u64,
    /// From the game's decision.
    finality: u64,
}

/// Looks at both layers. Of several proofs that are equally far, `own` comes first.
///
/// # Errors
/// A layer that doesn't answer, or contracts that are others.
pub(super) async fn look(
    connection: &Connection,
    l2: &L2Node,
    withdrawal: &Withdrawal,
    own: Option<Address>,
) -> anyhow::Result<Seen> {
    let (l1, contracts) = (&connection.l1, connection.contracts());
    let now = l1.latest().await?.timestamp;
    let seen = |stage| Ok(Seen { stage, now });
    let finalized = RollupPortal::finalizedWithdrawalsCall {
        withdrawalHash: withdrawal.hash,
    };
    if ask(l1, contracts.portal, finalized).await? {
        return seen(Stage::Finalized);
    }
    if is_refused(contracts, withdrawal.fields.target) {
        return seen(Stage::Refused);
    }
    let until = ask(l1, contracts.portal, RollupPortal::pausedUntilCall {}).await?;
    if until > now {
        return seen(Stage::Paused { until });
    }
    if let Some(proof) = best_proof(connection, withdrawal, own, now).await? {
        return seen(if proof.seconds == 0 {
            Stage::Payable(proof)
        } else {
            Stage::Maturing(proof)
        });
    }
    let claims = Claims::read(connection, withdrawal).await?;
    if let Some(provable) = claims.provable(connection, l2, withdrawal).await? {
        return seen(Stage::Provable(Box::new(provable)));
    }
    let safe = l2.header(BlockNumberOrTag::Safe).await?;
    seen(Stage::Unclaimed {
        claimed: claims.newest_block,
        safe: safe.map_or(0, |header| header.number),
        next_in: claims.next_in(now),
    })
}

/// Whether L1 never calls an address: then what is withdrawn to it stays locked.
pub(super) fn is_refused(contracts: &L1Contracts, target: Address) -> bool {
    target.is_zero() || [contracts.portal, contracts.open, contracts.proxy_admin].contains(&target)
}

/// The proof that can be paid first, of those that hold.
async fn best_proof(
    connection: &Connection,
    withdrawal: &Withdrawal,
    own: Option<Address>,
    now: u64,
) -> anyhow::Result<Option<Proof>> {
    let (l1, contracts) = (&connection.l1, connection.contracts());
    let (portal, hash) = (contracts.portal, withdrawal.hash);
    let count = RollupPortal::numProofSubmittersCall {
        withdrawalHash: hash,
    };
    let count = ask(l1, portal, count).await?.saturating_to::<u64>();
    let mut submitters: Vec<Address> = Vec::new();
    // Whose proof it is doesn't matter, but one's own is the one that was meant.
    submitters.extend(own);
    for index in count.saturating_sub(PROOFS_MAX)..count {
        let submitter = RollupPortal::proofSubmittersCall {
            withdrawalHash: hash,
            index: U256::from(index),
        };
        let submitter = ask(l1, portal, submitter).await?;
        if !submitters.contains(&submitter) {
            submitters.push(submitter);
        }
    }
    if count == 0 {
        return Ok(None);
    }
    let maturity = ask(l1, portal, RollupPortal::proofMaturityDelaySecondsCall {}).await?;
    let finality = ask(
        l1,
        contracts.anchor_state_registry,
        AnchorStateRegistry::disputeGameFinalityDelaySecondsCall {},
    )
    .await?;
    let delays = Delays {
        maturity: maturity.saturating_to(),
        finality: finality.saturating_to(),
    };
    let mut best: Option<Proof> = None;
    for submitter in submitters {
        let proven = RollupPortal::provenWithdrawalsCall {
            withdrawalHash: hash,
            proofSubmitter: submitter,
        };
        let proven = ask(l1, portal, proven).await?;
        if proven.timestamp == 0 {
            continue;
        }
        let game = GameState::read(connection, proven.disputeGameProxy).await?;
        if game.is_void {
            continue;
        }
        let proof = Proof {
            submitter,
            game: proven.disputeGameProxy,
            seconds: seconds_left(now, proven.timestamp, &game, delays),
            needs_resolve: needs_resolve(now, &game),
        };
        if best.is_none_or(|best| proof.seconds < best.seconds) {
            best = Some(proof);
        }
    }
    Ok(best)
}

/// Seconds of the L1's clock until a proof can be paid, if its game is decided in time.
fn seconds_left(now: u64, proven_at: u64, game: &GameState, delays: Delays) -> u64 {
    // Both delays must be over, not only reached.
    let mature = proven_at.saturating_add(delays.maturity).saturating_add(1);
    let decided = if game.resolved_at == 0 {
        game.expires_at.max(now)
    } else {
        game.resolved_at
    };
    let counts = decided.saturating_add(delays.finality).saturating_add(1);
    mature.max(counts).saturating_sub(now)
}

/// Whether nobody decides a game whose clock ran out.
fn needs_resolve(now: u64, game: &GameState) -> bool {
    game.resolved_at == 0 && now >= game.expires_at.saturating_add(RESOLVE_GRACE_SECONDS)
}

impl Seen {
    /// The stage in words.
    pub(super) fn words(&self, withdrawal: &Withdrawal) -> String {
        let block = withdrawal.block;
        match &self.stage {
            Stage::Finalized => "paid".to_owned(),
            Stage::Refused => format!(
                "can't be paid: L1 never calls {}, so that what is withdrawn to it stays locked",
                withdrawal.fields.target
            ),
            Stage::Paused { until } => format!(
                "withdrawals are paused: for {} more, or until the guardian ends it",
                duration(until.saturating_sub(self.now))
            ),
            Stage::Unclaimed { safe, .. } if *safe < block => format!(
                "waits for its batch: L2 block {block} is not on L1 yet, which holds block {safe}"
            ),
            Stage::Unclaimed {
                claimed, next_in, ..
            } => {
                let newest = match claimed {
                    Some(claimed) if *claimed < block => {
                        format!("the newest is about block {claimed}")
                    }
                    Some(_) => "those that do don't serve: vetoed, set aside or wrong".to_owned(),
                    None => "there is none of late".to_owned(),
                };
                let next = match next_in {
                    Some(0) => ", and another is overdue".to_owned(),
                    Some(seconds) => format!(", the next comes in about {}", duration(*seconds)),
                    None => String::new(),
                };
                format!("waits for a claim on L1 that covers L2 block {block}: {newest}{next}")
            }
            Stage::Provable(provable) => format!(
                "can be proved, by claim {} about L2 block {}",
                provable.claim.index, provable.claim.block
            ),
            Stage::Maturing(proof) if proof.needs_resolve => {
                "proved; nobody has decided the claim that it relies on, though its time is over"
                    .to_owned()
            }
            Stage::Maturing(proof) => {
                format!("proved; can be paid in {}", duration(proof.seconds))
            }
            Stage::Payable(_) => "proved and mature: can be paid".to_owned(),
        }
    }

    /// The step that comes next; `None` if there is none.
    pub(super) const fn next_step(&self) -> Option<&'static str> {
        match self.stage {
            Stage::Finalized | Stage::Refused => None,
            Stage::Paused { .. } => Some("status"),
            Stage::Unclaimed { .. } | Stage::Provable(_) => Some("prove"),
            Stage::Maturing(_) | Stage::Payable(_) => Some("finalize"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DELAYS: Delays = Delays {
        maturity: 100,
        finality: 50,
    };

    fn game(expires_at: u64, resolved_at: u64) -> GameState {
        GameState {
            is_void: false,
            expires_at,
            resolved_at,
        }
    }

    #[test]
    fn the_later_of_proof_and_claim_decides() {
        // The game was decided long ago: the proof decides.
        assert_eq!(seconds_left(1_000, 1_000, &game(500, 500), DELAYS), 101);
        assert_eq!(seconds_left(1_100, 1_000, &game(500, 500), DELAYS), 1);
        assert_eq!(seconds_left(1_101, 1_000, &game(500, 500), DELAYS), 0);
        // Its clock runs for longer than the proof needs.
        assert_eq!(seconds_left(1_000, 1_000, &game(1_200, 0), DELAYS), 251);
        // Nobody decides it: the delay begins when somebody does.
        assert_eq!(seconds_left(2_000, 1_000, &game(1_200, 0), DELAYS), 51);
        assert_eq!(seconds_left(2_000, 1_000, &game(1_200, 1_949), DELAYS), 0);
        assert_eq!(seconds_left(2_000, 1_000, &game(1_200, 1_950), DELAYS), 1);
    }

    #[test]
    fn a_game_is_left_to_its_proposer_for_a_while() {
        assert!(!needs_resolve(1_000, &game(1_000, 0)));
        assert!(needs_resolve(
            1_000 + RESOLVE_GRACE_SECONDS,
            &game(1_000, 0)
        ));
        assert!(!needs_resolve(5_000, &game(1_000, 1_001)));
    }

    #[test]
    fn addresses_that_l1_never_calls_are_known() {
        let contracts = L1Contracts {
            portal: Address::with_last_byte(1),
            open: Address::with_last_byte(2),
            proxy_admin: Address::with_last_byte(3),
            ..L1Contracts::default()
        };
        for byte in 0..4 {
            assert!(is_refused(&contracts, Address::with_last_byte(byte)));
        }
        assert!(!is_refused(&contracts, Address::with_last_byte(4)));
    }

    proptest! {
        /// What the portal and the registry ask for is what is waited for, to the second.
        #[test]
        fn the_wait_ends_when_the_contracts_say_so(
            now in 0_u64..10_000,
            proven_at in 0_u64..10_000,
            expires_at in 0_u64..10_000,
            resolved_after in 0_u64..1_000,
        ) {
            let resolved_at = expires_at + resolved_after + 1;
            let game = game(expires_at, resolved_at);
            let left = seconds_left(now, proven_at, &game, DELAYS);
            let is_payable = |at: u64| {
                at > proven_at + DELAYS.maturity && at > resolved_at + DELAYS.finality
            };
            prop_assert!(is_payable(now + left));
            prop_assert!(left == 0 || !is_payable(now + left - 1));
        }
    }
}
