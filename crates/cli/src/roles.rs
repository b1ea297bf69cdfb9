//! The long-running tasks of a node: the first that ends by itself ends the node.

use crate::one_line;
use anyhow::anyhow;
use std::{future::Future, time::Duration};
use tokio::task::JoinSet;
use tracing::error;

/// How long the roles may take to end.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// The running tasks, with the names that messages give them.
#[derive(Debug, Default)]
pub(crate) struct Roles(JoinSet<(&'static str, anyhow::Result<()>)>);

impl Roles {
    /// Starts a role.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        role: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.0.spawn(async move { (name, role.await) });
    }

    /// Completes when a role ends by itself, with the reason.
    pub(crate) async fn failed(&mut self) -> anyhow::Error {
        match self.0.join_next().await {
            Some(Ok((name, Ok(())))) => anyhow!("the {name} ended by itself"),
            Some(Ok((name, Err(error)))) => error.context(format!("the {name} failed")),
            Some(Err(error)) => anyhow::Error::from(error).context("a role panicked"),
            None => anyhow!("no role runs"),
        }
    }

    /// Waits until all roles have ended, for a while; keeps the last failure.
    pub(crate) async fn end(&mut self, outcome: &mut anyhow::Result<()>) {
        let all = self.end_all_but(0, outcome);
        if tokio::time::timeout(STOP_TIMEOUT, all).await.is_err() {
            *outcome = Err(anyhow!("not every role stopped within {STOP_TIMEOUT:?}"));
        }
    }

    /// Waits until at most `count` roles run; keeps the last failure.
    pub(crate) async fn end_all_but(&mut self, count: usize, outcome: &mut anyhow::Result<()>) {
        while self.0.len() > count {
            let error = match self.0.join_next().await {
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
            let mut roles = Roles::default();
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
    async fn stopping_waits_for_all_and_keeps_what_failed() {
        let stop = CancellationToken::new();
        let mut roles = Roles::default();
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
        assert_eq!(roles.0.len(), 0);
        let failure = outcome.unwrap_err();
        assert_eq!(one_line(&failure), "the pruning failed: no disk");
    }
}
