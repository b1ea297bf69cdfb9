//! The long-running tasks of a node: the first that ends by itself ends the node.

use crate::one_line;
use anyhow::anyhow;
use parking_lot::Mutex;
use std::{
    future::{Future, poll_fn},
    sync::Arc,
    time::Duration,
};
use tokio::task::{JoinError, JoinSet};
use tracing::error;

/// How long the roles may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// What a role ended with, and the name that messages give it.
type Ended = (&'static str, anyhow::Result<()>);

/// The running tasks. Cheap to clone: a role starts others, where these have to wait for what it does first.
#[derive(Debug, Clone, Default)]
pub(crate) struct Roles(Arc<Mutex<JoinSet<Ended>>>);

impl Roles {
    /// Starts a role.
    pub(crate) fn spawn(
        &self,
        name: &'static str,
        role: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.0.lock().spawn(async move { (name, role.await) });
    }

    /// The next role that ends; `None` if none runs. One caller at a time.
    async fn next_ended(&self) -> Option<Result<Ended, JoinError>> {
        poll_fn(|context| self.0.lock().poll_join_next(context)).await
    }

    /// Completes when a role ends by itself, with the reason.
    pub(crate) async fn failed(&self) -> anyhow::Error {
        match self.next_ended().await {
            Some(Ok((name, Ok(())))) => anyhow!("the {name} ended by itself"),
            Some(Ok((name, Err(error)))) => error.context(format!("the {name} failed")),
            Some(Err(error)) => anyhow::Error::from(error).context("a role panicked"),
            None => anyhow!("no role runs"),
        }
    }

    /// Waits until all roles have ended, for a while; keeps the last failure.
    pub(crate) async fn end(&self, outcome: &mut anyhow::Result<()>) {
        let all = self.end_all_but(0, outcome);
        if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
            *outcome = Err(anyhow!("not every role stopped within {STOP_TIMEOUT:?}"));
        }
    }

    /// Waits until at most `count` roles run; keeps the last failure.
    pub(crate) async fn end_all_but(&self, count: usize, outcome: &mut anyhow::Result<()>) {
        while self.0.lock().len() > count {
            let error = match self.next_ended().await {
                None => return,
                Some(Ok((_, Ok(())))) => continue,
                Some(Ok((name, Err(error)))) => error.context(format!("the {name} failed")),
                Some(Err(error)) => anyhow::Error::from(error).context("a role panicked"),
            };
            error!(error = one_line(&error), "failed while stopping");
            *outcome = Err(error);
        }
    }
}

/// Runs work that takes a while where it doesn't hold up others.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    Ok(tokio::task::spawn_blocking(work).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::bail;
    use tokio_util::sync::CancellationToken;

    #[tokio::test]
    async fn the_first_role_that_ends_is_named() {
        for (role, expected) in [
            (0, "the watchdog ended by itself"),
            (1, "the watchdog failed: no clock"),
            (2, "a role panicked"),
        ] {
            let roles = Roles::default();
            roles.spawn("JSON-RPC", std::future::pending());
            roles.spawn("watchdog", async move {
                match role {
                    0 => Ok(()),
                    1 => bail!("no clock"),
                    _ => panic!("on purpose"),
                }
            });
            let failure = one_line(&roles.failed().await);
            assert!(failure.starts_with(expected), "{failure}");
        }
    }

    #[tokio::test]
    async fn a_role_starts_another_while_failures_are_waited_for() {
        let roles = Roles::default();
        let (begin, begun) = tokio::sync::oneshot::channel();
        roles.spawn("derivation", {
            let roles = roles.clone();
            async move {
                begun.await?;
                roles.spawn("feed", async { bail!("no sequencer") });
                std::future::pending().await
            }
        });
        let failed = tokio::spawn({
            let roles = roles.clone();
            async move { roles.failed().await }
        });
        tokio::task::yield_now().await;
        begin.send(()).unwrap();
        assert_eq!(
            one_line(&failed.await.unwrap()),
            "the feed failed: no sequencer"
        );
    }

    #[tokio::test]
    async fn stopping_waits_for_all_and_keeps_what_failed() {
        let stop = CancellationToken::new();
        let roles = Roles::default();
        for name in ["watchdog", "pruning", "JSON-RPC"] {
            let stop = stop.clone();
            roles.spawn(name, async move {
                stop.cancelled().await;
                if name == "pruning" {
                    bail!("no disk");
                }
                Ok(())
            });
        }
        stop.cancel();
        let mut outcome = Ok(());
        roles.end(&mut outcome).await;
        assert_eq!(roles.0.lock().len(), 0);
        let failure = outcome.unwrap_err();
        assert_eq!(one_line(&failure), "the pruning failed: no disk");
    }
}
