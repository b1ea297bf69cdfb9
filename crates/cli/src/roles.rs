//! The long-running tasks of a node: the first that ends by itself ends the node.

use crate::one_line;
use anyhow::anyhow;
use std::future::Future;
use tokio::task::JoinSet;
use tracing::error;

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
