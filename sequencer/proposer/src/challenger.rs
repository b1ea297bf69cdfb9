use crate::{
    ChallengerConfig, OutputSource,
    games::{BondStep, CHALLENGER_WINS, DEFENDER_WINS, Game, Games, GamesError, output_of},
    rounds::{self, Rounds},
    verdict::{Verdict, is_late, judge},
};
use alloy_primitives::{Address, B256};
use alloy_sol_types::SolCall;
use openledger_l1::{
    L1Client, L1Error, ResumedTx, SendError, SendResult, TxCandidate, TxSender,
    contracts::DisputeGame,
};
use std::{collections::BTreeSet, sync::Arc};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

/// Most games that are watched. Each holds a bond, so that more would cost their makers a fortune.
const GAMES_MAX: usize = 65_536;
/// Vetoes that are sent before any of them is confirmed.
const VETOES_MAX: usize = 8;

/// How a challenger is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChallengerStatus {
    /// Games that are watched.
    pub watched: usize,
    /// Wrong claims that can still be vetoed.
    pub wrong: usize,
    /// Wrong claims whose clock ran out: only the guardian can set them aside.
    pub missed: usize,
    /// Claims about blocks that this node doesn't have, of whose clock less than half is left.
    pub undecided: usize,
    /// Vetoes made since the start.
    pub vetoes: u64,
    /// Rounds that failed since the last that didn't.
    pub failures: u32,
}

/// Why a round failed. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum ChallengerError {
    /// The games can't be read.
    #[error(transparent)]
    Games(#[from] GamesError),
    /// The L1 can't be read.
    #[error("L1: {0}")]
    L1(#[from] L1Error),
    /// Somebody else may veto the game.
    #[error("only {challenger} may veto the wrong claim {game}, not {account}")]
    NotChallenger {
        /// The game.
        game: Address,
        /// Who may.
        challenger: Address,
        /// Who we are.
        account: Address,
    },
    /// A transaction was not sent.
    #[error("{what} {game}: {source}")]
    Send {
        /// What it was to do.
        what: &'static str,
        /// With which game.
        game: Address,
        /// Why.
        #[source]
        source: SendError,
    },
    /// A transaction reverted.
    #[error("{what} {game}: transaction {hash} reverted")]
    Reverted {
        /// What it was to do.
        what: &'static str,
        /// With which game.
        game: Address,
        /// Its hash.
        hash: B256,
    },
}

/// A running challenger.
#[derive(Debug, Clone)]
pub struct Challenger {
    status: watch::Receiver<ChallengerStatus>,
}

impl Challenger {
    /// Starts a challenger, which runs until `shutdown`. What goes wrong is logged and tried again.
    ///
    /// `resumed` is what an earlier run sent and did not see confirmed: it is waited for first.
    pub fn run(
        config: ChallengerConfig,
        source: Arc<dyn OutputSource>,
        l1: L1Client,
        sender: TxSender,
        resumed: Vec<ResumedTx>,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (status_sender, status) = watch::channel(ChallengerStatus::default());
        let pause = config.poll_interval;
        let role = Role {
            config,
            source,
            l1,
            account: sender.account(),
            sender,
            status: status_sender,
            settled: BTreeSet::new(),
            reported: BTreeSet::new(),
        };
        let task = tokio::spawn(rounds::run(role, pause, resumed, shutdown));
        (Self { status }, task)
    }

    /// How it is doing.
    pub fn status(&self) -> watch::Receiver<ChallengerStatus> {
        self.status.clone()
    }
}

struct Role {
    config: ChallengerConfig,
    source: Arc<dyn OutputSource>,
    l1: L1Client,
    sender: TxSender,
    account: Address,
    status: watch::Sender<ChallengerStatus>,
    /// Watched games of which nothing more is to be done.
    settled: BTreeSet<Game>,
    /// Watched games with a wrong claim that the log names already.
    reported: BTreeSet<Game>,
}

/// What a round found.
#[derive(Default)]
struct Found {
    vetoes: Vec<Game>,
    bonds: Vec<Game>,
    wrong: usize,
    missed: usize,
    undecided: usize,
    /// A wrong claim that only another account may veto.
    not_ours: Option<ChallengerError>,
}

impl Rounds for Role {
    const NAME: &'static str = "challenger";
    const DUTY: &'static str = "veto";
    type Error = ChallengerError;

    async fn round(&mut self) -> Result<(), ChallengerError> {
        self.look_at_all().await
    }

    fn is_grave(error: &ChallengerError) -> bool {
        matches!(
            error,
            ChallengerError::Send { .. } | ChallengerError::NotChallenger { .. }
        )
    }

    fn note_failures(&self, failures: u32) {
        self.status.send_if_modified(|status| {
            std::mem::replace(&mut status.failures, failures) != failures
        });
    }
}

impl Role {
    const fn games(&self) -> Games<'_> {
        Games {
            l1: &self.l1,
            factory: self.config.factory,
            game_type: self.config.game_type,
        }
    }

    /// Looks at every game once and vetoes what is wrong.
    async fn look_at_all(&mut self) -> Result<(), ChallengerError> {
        let now = self.l1.latest().await?.timestamp;
        let since = now.saturating_sub(self.config.watch.as_secs());
        let watched = self.games().since(since, now, GAMES_MAX).await?;
        let listed: BTreeSet<_> = watched.iter().copied().collect();
        self.settled.retain(|game| listed.contains(game));
        self.reported.retain(|game| listed.contains(game));
        let mut found = Found::default();
        // The oldest first: their clocks run out first.
        for game in watched.iter().rev() {
            if !self.settled.contains(game) {
                self.look_at(*game, now, &mut found).await?;
            }
        }
        self.status.send_modify(|status| {
            status.watched = watched.len();
            status.wrong = found.wrong;
            status.missed = found.missed;
            status.undecided = found.undecided;
        });
        let mut outcome = found.not_ours.map_or(Ok(()), Err);
        for vetoes in found.vetoes.chunks(VETOES_MAX) {
            // One that fails holds up no other.
            outcome = outcome.and(self.veto(vetoes).await);
        }
        for game in found.bonds {
            let call = DisputeGame::claimCreditCall {
                recipient: self.account,
            };
            let result = self.send("claim the bond of", game.address, &call).await?;
            confirmed("claim the bond of", game.address, result.await)?;
            info!(game = %game.address, "got the bond of a wrong claim");
        }
        outcome
    }

    async fn look_at(
        &mut self,
        game: Game,
        now: u64,
        found: &mut Found,
    ) -> Result<(), ChallengerError> {
        let (safe, finalized) = (self.source.safe_head(), self.source.finalized_head());
        let output = match game.block {
            Some(block) if block <= safe.number => output_of(&self.source, block).await?,
            _ => None,
        };
        let verdict = judge(
            game.block,
            game.claim,
            output,
            safe.number,
            finalized.number,
        );
        let (expected, finally) = match verdict {
            Verdict::Right { finally } => {
                if finally {
                    self.settled.insert(game);
                }
                return Ok(());
            }
            Verdict::Unknown => {
                let expires_at = self.games().expires_at(game.address).await?;
                if is_late(game.created_at, expires_at, now)
                    && self.games().status(game.address).await? != CHALLENGER_WINS
                {
                    found.undecided += 1;
                    if self.reported.insert(game) {
                        error!(
                            game = %game.address, block = game.block, safe = safe.number,
                            "a claim can't be judged, since this node doesn't have its block"
                        );
                    }
                }
                return Ok(());
            }
            Verdict::Wrong { expected, finally } => (expected, finally),
        };
        let status = self.games().status(game.address).await?;
        let expires_at = self.games().expires_at(game.address).await?;
        if status == CHALLENGER_WINS {
            match self
                .games()
                .bond_step(game.address, self.account, now)
                .await?
            {
                BondStep::Claim => found.bonds.push(game),
                BondStep::Done => {
                    self.settled.insert(game);
                }
                BondStep::Wait | BondStep::Resolve => {}
            }
        } else if status == DEFENDER_WINS || now >= expires_at {
            found.missed += 1;
            if self.reported.insert(game) {
                error!(
                    game = %game.address, block = game.block, claimed = %game.claim, expected = expected.map(tracing::field::display),
                    "a wrong output root was not vetoed in time: the guardian must set the game aside"
                );
            }
        } else {
            found.wrong += 1;
            // An L1 reorg may be what made it wrong, and another may make it right again.
            if finally || is_late(game.created_at, expires_at, now) {
                let challenger = self.games().challenger(game.address).await?;
                if challenger != self.account {
                    found.not_ours = Some(ChallengerError::NotChallenger {
                        game: game.address,
                        challenger,
                        account: self.account,
                    });
                    return Ok(());
                }
                error!(
                    game = %game.address, block = game.block, claimed = %game.claim, expected = expected.map(tracing::field::display),
                    "a wrong output root is claimed, vetoing it"
                );
                found.vetoes.push(game);
            }
        }
        Ok(())
    }

    /// Sends vetoes, and waits for all of them.
    async fn veto(&self, games: &[Game]) -> Result<(), ChallengerError> {
        const WHAT: &str = "veto";
        let mut waiting = Vec::with_capacity(games.len());
        for game in games {
            let result = self
                .send(WHAT, game.address, &DisputeGame::vetoCall {})
                .await?;
            waiting.push((game, result));
        }
        let mut outcome = Ok(());
        for (game, result) in waiting {
            match confirmed(WHAT, game.address, result.await) {
                Ok(hash) => {
                    info!(game = %game.address, tx = %hash, "vetoed a wrong claim");
                    self.status.send_modify(|status| {
                        status.vetoes = status.vetoes.saturating_add(1);
                        status.wrong = status.wrong.saturating_sub(1);
                    });
                }
                Err(problem) => outcome = Err(problem),
            }
        }
        outcome
    }

    async fn send(
        &self,
        what: &'static str,
        game: Address,
        call: &impl SolCall,
    ) -> Result<oneshot::Receiver<SendResult>, ChallengerError> {
        self.sender
            .send(TxCandidate::call(game, call.abi_encode()))
            .await
            .map_err(|source| ChallengerError::Send { what, game, source })
    }
}

/// The hash of a transaction that succeeded.
fn confirmed(
    what: &'static str,
    game: Address,
    result: Result<SendResult, oneshot::error::RecvError>,
) -> Result<B256, ChallengerError> {
    let confirmed = result
        .unwrap_or(Err(SendError::Stopped))
        .map_err(|source| ChallengerError::Send { what, game, source })?;
    if confirmed.success {
        Ok(confirmed.tx_hash)
    } else {
        Err(ChallengerError::Reverted {
            what,
            game,
            hash: confirmed.tx_hash,
        })
    }
}
