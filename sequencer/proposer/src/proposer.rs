use crate::{
    Claimed, LastClaim, OutputSource, ProposerConfig, SourceError, View,
    decision::newest,
    games::{BondStep, CHALLENGER_WINS, Games, GamesError, Listed, OwnGame, extra_data, output_of},
    rounds::{self, Rounds},
};
use alloy_eips::BlockNumHash;
use alloy_primitives::{Address, B256, U256};
use alloy_sol_types::SolCall;
use openledger_l1::{
    Confirmed, L1Client, ResumedTx, SendError, TxCandidate, TxSender,
    contracts::{DisputeGame, DisputeGameFactory},
};
use std::{collections::VecDeque, sync::Arc};
use tokio::{sync::watch, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Own games whose bonds are watched at the same time. Older ones are looked at again after a restart.
const OWN_GAMES_MAX: usize = 4_096;
/// Own games that are looked at in one round: a long list must not hold up a claim.
const OWN_GAMES_PER_ROUND: usize = 8;

/// How a proposer is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProposerStatus {
    /// Number of the block that the newest right claim is about.
    pub claimed_to: u64,
    /// When that claim was made, seconds by the L1's clock.
    pub claimed_at: u64,
    /// Own games whose bonds are not back.
    pub bonds_out: usize,
    /// Rounds that failed since the last that didn't.
    pub failures: u32,
}

/// Why a round failed. The next one tries again.
#[derive(Debug, thiserror::Error)]
pub enum ProposerError {
    /// The games can't be read.
    #[error(transparent)]
    Games(#[from] GamesError),
    /// The L1 can't be read.
    #[error("L1: {0}")]
    L1(#[from] openledger_l1::L1Error),
    /// The chain can't be read.
    #[error("chain: {0}")]
    Source(#[source] SourceError),
    /// A transaction was not sent.
    #[error("{what}: {source}")]
    Send {
        /// What it was to do.
        what: &'static str,
        /// Why.
        #[source]
        source: SendError,
    },
    /// A transaction reverted.
    #[error("{what}: transaction {hash} reverted")]
    Reverted {
        /// What it was to do.
        what: &'static str,
        /// Its hash.
        hash: B256,
    },
    /// The step that reads the chain panicked.
    #[error("a read of the chain was interrupted")]
    Interrupted,
}

/// A running proposer.
#[derive(Debug, Clone)]
pub struct Proposer {
    status: watch::Receiver<ProposerStatus>,
}

impl Proposer {
    /// Starts a proposer, which runs until `shutdown`. What goes wrong is logged and tried again: an
    /// empty wallet, an L1 out of reach and fees above the ceiling all end.
    ///
    /// `resumed` is what an earlier run sent and did not see confirmed. A claim may be among it, so that
    /// none is made before all of it is settled.
    pub fn run(
        config: ProposerConfig,
        source: Arc<dyn OutputSource>,
        l1: L1Client,
        sender: TxSender,
        resumed: Vec<ResumedTx>,
        shutdown: CancellationToken,
    ) -> (Self, JoinHandle<()>) {
        let (status_sender, status) = watch::channel(ProposerStatus::default());
        let pause = config.poll_interval;
        let role = Role {
            config,
            source,
            l1,
            account: sender.account(),
            sender,
            status: status_sender,
            own: VecDeque::new(),
            known_index: None,
            last: None,
        };
        let task = tokio::spawn(rounds::run(role, pause, resumed, shutdown));
        (Self { status }, task)
    }

    /// How it is doing.
    pub fn status(&self) -> watch::Receiver<ProposerStatus> {
        self.status.clone()
    }
}

struct Role {
    config: ProposerConfig,
    source: Arc<dyn OutputSource>,
    l1: L1Client,
    sender: TxSender,
    account: Address,
    status: watch::Sender<ProposerStatus>,
    /// Own games whose bonds are not back, the one to look at next first.
    own: VecDeque<OwnGame>,
    /// Index of the newest game that was looked at: those up to it are not looked at again.
    known_index: Option<u64>,
    /// The claim that this run made last, unless it is known to count no more.
    last: Option<OwnClaim>,
}

/// A claim of this run's.
#[derive(Debug, Clone, Copy)]
struct OwnClaim {
    claimed: Claimed,
    root: B256,
}

impl Rounds for Role {
    const NAME: &'static str = "proposer";
    const DUTY: &'static str = "send";
    type Error = ProposerError;

    async fn round(&mut self) -> Result<(), ProposerError> {
        self.claim_what_is_due().await
    }

    fn is_grave(error: &ProposerError) -> bool {
        matches!(error, ProposerError::Send { .. })
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

    /// Looks at L1 once, makes a claim if one is due, and looks after bonds.
    async fn claim_what_is_due(&mut self) -> Result<(), ProposerError> {
        let games_max = self.config.games_max;
        let Listed {
            newest: listed,
            own,
            last_index,
        } = self
            .games()
            .list(self.account, self.known_index, games_max, &self.source)
            .await?;
        let last = match self.last {
            Some(last) => Some((last, self.look_for(last).await?)),
            None => None,
        };
        let newest = newest(listed, last.map(|(last, seen)| (last.claimed, seen)));
        let anchor = self.games().anchor().await?;
        for game in own.into_iter().rev() {
            if self.own.len() < OWN_GAMES_MAX {
                self.own.push_back(game);
            }
        }
        self.known_index = last_index.or(self.known_index);
        // What was vetoed, or is listed or overtaken, need not be remembered.
        self.last = last
            .filter(|(last, _)| newest == Some(last.claimed) && listed != newest)
            .map(|(last, _)| last);
        let now = self.l1.latest().await?.timestamp;
        let head = self.source.safe_head();
        let safe = head.number;
        let claimed = newest.map_or(anchor, |newest| newest.block);
        let view = View {
            now,
            safe,
            anchor,
            newest,
            withdrawal_waits: self.withdrawals_between(claimed, safe).await?,
        };
        self.status.send_modify(|status| {
            status.claimed_to = newest.map_or(0, |newest| newest.block);
            status.claimed_at = newest.map_or(0, |newest| newest.created_at);
            status.bonds_out = self.own.len();
        });
        if view.due(&self.config).is_some() {
            self.claim(head, now).await?;
        }
        self.look_after_bonds(now).await
    }

    /// Whether a withdrawal began in a block after `from` and up to `to`.
    async fn withdrawals_between(&self, from: u64, to: u64) -> Result<bool, ProposerError> {
        let source = self.source.clone();
        let roots = tokio::task::spawn_blocking(move || {
            Ok::<_, SourceError>((source.withdrawals_root(from)?, source.withdrawals_root(to)?))
        });
        let (before, after) = roots
            .await
            .map_err(|_| ProposerError::Interrupted)?
            .map_err(ProposerError::Source)?;
        Ok(before != after)
    }

    /// What L1 shows of a claim that this run made.
    async fn look_for(&self, last: OwnClaim) -> Result<LastClaim, GamesError> {
        let games = self.games();
        let block = last.claimed.block;
        let Some(game) = games.find(last.root, block).await? else {
            return Ok(LastClaim::Hidden);
        };
        if games.status(game).await? == CHALLENGER_WINS {
            return Ok(LastClaim::Vetoed);
        }
        let right = games.is_right(block, last.root, &self.source).await?;
        Ok(LastClaim::Stands { right })
    }

    /// Claims the output root of `block`, the safe head at L1 time `now`, unless the chain has another
    /// block in its place by the time that the claim can be sent.
    async fn claim(&mut self, block: BlockNumHash, now: u64) -> Result<(), ProposerError> {
        let bond = self.games().bond().await?;
        let Some(output) = self.safe_output(block).await? else {
            info!(
                block = block.number,
                "the safe head moved before it was claimed"
            );
            return Ok(());
        };
        let call = DisputeGameFactory::createCall {
            gameType: self.config.game_type,
            rootClaim: output,
            extraData: extra_data(block.number),
        };
        let confirmed = self
            .send("claim an output root", self.config.factory, &call, bond)
            .await?;
        self.last = Some(OwnClaim {
            claimed: Claimed {
                block: block.number,
                created_at: now,
            },
            root: output,
        });
        info!(block = block.number, %output, tx = %confirmed.tx_hash, bond_wei = %bond, "claimed an output root");
        Ok(())
    }

    /// The output root of a block that is still the safe chain's; `None` if another block has its number,
    /// or the safe head is before it.
    async fn safe_output(&self, block: BlockNumHash) -> Result<Option<B256>, ProposerError> {
        let output = output_of(&self.source, block.number).await?;
        let still_safe = self.source.safe_head().number >= block.number;
        Ok(output
            .filter(|output| still_safe && output.block_hash == block.hash)
            .map(|output| output.root))
    }

    /// Decides and empties own games as far as their clocks allow.
    async fn look_after_bonds(&mut self, now: u64) -> Result<(), ProposerError> {
        for _ in 0..self.own.len().min(OWN_GAMES_PER_ROUND) {
            let Some(game) = self.own.pop_front() else {
                break;
            };
            let step = self
                .games()
                .bond_step(game.address, self.account, now)
                .await;
            // Whatever happens next, it is looked at again in its turn.
            if !matches!(step, Ok(BondStep::Done)) {
                self.own.push_back(game);
            }
            match step? {
                BondStep::Wait | BondStep::Done => {}
                BondStep::Resolve => {
                    let call = DisputeGame::resolveCall {};
                    self.send("resolve a game", game.address, &call, U256::ZERO)
                        .await?;
                    info!(game = %game.address, "resolved a game");
                }
                BondStep::Claim => {
                    let call = DisputeGame::claimCreditCall {
                        recipient: self.account,
                    };
                    self.send("claim a bond", game.address, &call, U256::ZERO)
                        .await?;
                    info!(game = %game.address, "got a bond back");
                }
            }
        }
        Ok(())
    }

    /// Sends a transaction and waits until it is confirmed.
    async fn send(
        &self,
        what: &'static str,
        to: Address,
        call: &impl SolCall,
        value: U256,
    ) -> Result<Confirmed, ProposerError> {
        let candidate = TxCandidate::call(to, call.abi_encode()).with_value(value);
        let confirmed = self
            .sender
            .send_and_confirm(candidate)
            .await
            .map_err(|source| ProposerError::Send { what, source })?;
        if confirmed.success {
            Ok(confirmed)
        } else {
            Err(ProposerError::Reverted {
                what,
                hash: confirmed.tx_hash,
            })
        }
    }
}
