//! The loop that the proposer and the challenger are: rounds until the shutdown, of which one that fails
//! is tried again.

use crate::resumed::await_resumed;
use openledger_l1::ResumedTx;
use std::{fmt::Display, future::Future, time::Duration};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

/// A role that looks at L1 again and again.
pub(crate) trait Rounds: Send {
    /// What the log calls it.
    const NAME: &'static str;
    /// What it can't do any more when an error is grave, in the log's words.
    const DUTY: &'static str;
    /// Why a round failed.
    type Error: Display + Send;

    /// Looks once and does what is due. May be given up at any await point.
    fn round(&mut self) -> impl Future<Output = Result<(), Self::Error>> + Send;

    /// Whether an operator must act for the next round to succeed.
    fn is_grave(error: &Self::Error) -> bool;

    /// Takes down how many rounds failed since the last that didn't.
    fn note_failures(&self, failures: u32);
}

/// Settles what an earlier run sent, then makes rounds with `pause` between them until `shutdown`.
pub(crate) async fn run<R: Rounds>(
    mut role: R,
    pause: Duration,
    resumed: Vec<ResumedTx>,
    shutdown: CancellationToken,
) {
    let rounds = async {
        await_resumed(R::NAME, resumed).await;
        let mut failures = 0;
        loop {
            let outcome = role.round().await;
            // The root stops its parts together: that the sender ended before this one is then no failure.
            if shutdown.is_cancelled() {
                return;
            }
            failures = told::<R>(outcome, failures);
            role.note_failures(failures);
            tokio::time::sleep(pause).await;
        }
    };
    shutdown.run_until_cancelled(rounds).await;
}

/// Logs a failure once, at its beginning, and its end; answers how many rounds have failed in a row.
fn told<R: Rounds>(round: Result<(), R::Error>, failures: u32) -> u32 {
    let name = R::NAME;
    match round {
        Ok(()) => {
            if failures > 0 {
                info!(failures, "the {name} is well again");
            }
            0
        }
        Err(problem) => {
            if failures == 0 && R::is_grave(&problem) {
                error!(%problem, "the {name} can't {}, trying again", R::DUTY);
            } else if failures == 0 {
                warn!(%problem, "the {name} failed, trying again");
            }
            failures.saturating_add(1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    /// Fails its first two rounds, and ends the loop after the third.
    struct Failing {
        rounds: u32,
        noted: Arc<Mutex<Vec<u32>>>,
        shutdown: CancellationToken,
    }

    impl Rounds for Failing {
        const NAME: &'static str = "test";
        const DUTY: &'static str = "fail";
        type Error = u32;

        async fn round(&mut self) -> Result<(), u32> {
            self.rounds += 1;
            if self.rounds < 3 {
                return Err(self.rounds);
            }
            Ok(())
        }

        fn is_grave(error: &u32) -> bool {
            *error == 1
        }

        fn note_failures(&self, failures: u32) {
            self.noted.lock().unwrap().push(failures);
            if self.rounds == 3 {
                self.shutdown.cancel();
            }
        }
    }

    #[tokio::test]
    async fn failures_are_counted_until_a_round_succeeds() {
        let (noted, shutdown) = (Arc::default(), CancellationToken::new());
        let role = Failing {
            rounds: 0,
            noted: Arc::clone(&noted),
            shutdown: shutdown.clone(),
        };
        run(role, Duration::ZERO, Vec::new(), shutdown).await;
        assert_eq!(*noted.lock().unwrap(), [1, 2, 0]);
    }

    /// Its round fails because the stop has come to what it needs before it came to the loop.
    struct Stopped {
        noted: Arc<Mutex<Vec<u32>>>,
        shutdown: CancellationToken,
    }

    impl Rounds for Stopped {
        const NAME: &'static str = "test";
        const DUTY: &'static str = "go on";
        type Error = u32;

        async fn round(&mut self) -> Result<(), u32> {
            self.shutdown.cancel();
            Err(1)
        }

        fn is_grave(_: &u32) -> bool {
            true
        }

        fn note_failures(&self, failures: u32) {
            self.noted.lock().unwrap().push(failures);
        }
    }

    #[tokio::test]
    async fn what_fails_because_of_a_stop_is_no_failure() {
        let (noted, shutdown) = (Arc::default(), CancellationToken::new());
        let role = Stopped {
            noted: Arc::clone(&noted),
            shutdown: shutdown.clone(),
        };
        run(role, Duration::ZERO, Vec::new(), shutdown).await;
        assert!(noted.lock().unwrap().is_empty());
    }
}
