//! Where costly requests run: threads beside the async runtime, few enough that they can't starve it,
//! with a bounded queue before them.

use crate::error::Failure;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// How much a request may cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// A call: bounded by its gas.
    Call,
    /// A trace, a search, proofs, a simulation: these may not take all workers.
    Long,
}

/// When a request is to be given up.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    at: Instant,
    limit: &'static str,
    timeout: Duration,
}

impl Deadline {
    /// A request that starts now. `limit` is the name of the timeout in the configuration.
    pub(crate) fn new(limit: &'static str, timeout: Duration) -> Self {
        Self {
            at: Instant::now() + timeout,
            limit,
            timeout,
        }
    }

    /// When the time is over.
    pub(crate) const fn instant(&self) -> Instant {
        self.at
    }

    /// The failure of a request that took too long.
    pub(crate) fn failure(&self) -> Failure {
        Failure::Timeout {
            limit: self.limit,
            millis: u64::try_from(self.timeout.as_millis()).unwrap_or(u64::MAX),
        }
    }

    /// Fails if the time is over: to be asked in loops.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.is_over() {
            Err(self.failure())
        } else {
            Ok(())
        }
    }

    /// Whether the time is over.
    pub(crate) fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }
}

/// The workers.
#[derive(Debug)]
pub(crate) struct Workers {
    all: Arc<Semaphore>,
    long: Arc<Semaphore>,
    waiting: AtomicUsize,
    waiting_max: usize,
}

/// Counts a waiting request.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

impl Workers {
    /// So many workers, and requests that may wait for one.
    pub(crate) fn new(workers: usize, waiting_max: usize) -> Self {
        let workers = workers.clamp(1, Semaphore::MAX_PERMITS);
        Self {
            all: Arc::new(Semaphore::new(workers)),
            long: Arc::new(Semaphore::new((workers / 2).max(1))),
            waiting: AtomicUsize::new(0),
            waiting_max,
        }
    }

    /// Requests that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// Runs `job` on a worker and answers its result, or a failure at the deadline. A job that is
    /// given up keeps its worker until it ends, so that abandoned work can't pile up.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: Work,
        deadline: Deadline,
        job: impl FnOnce() -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, Failure> {
        let waiting = {
            if self.waiting.fetch_add(1, Relaxed) >= self.waiting_max {
                self.waiting.fetch_sub(1, Relaxed);
                return Err(Failure::Busy {
                    max: self.waiting_max,
                });
            }
            Waiting(&self.waiting)
        };
        let run = async {
            // Neither semaphore is ever closed.
            let long = match work {
                Work::Call => None,
                Work::Long => self.long.clone().acquire_owned().await.ok(),
            };
            let worker = self.all.clone().acquire_owned().await.ok();
            drop(waiting);
            let task = tokio::task::spawn_blocking(move || {
                let _held = (long, worker);
                deadline.check().and_then(|()| job())
            });
            task.await.map_err(Failure::internal)?
        };
        tokio::time::timeout_at(deadline.at.into(), run)
            .await
            .unwrap_or_else(|_| Err(deadline.failure()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, thread};

    fn deadline(millis: u64) -> Deadline {
        Deadline::new("request_timeout", Duration::from_millis(millis))
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn long_work_leaves_workers_to_calls() {
        let workers = Arc::new(Workers::new(2, 16));
        let (release, wait) = mpsc::channel::<()>();
        let (started, running) = tokio::sync::oneshot::channel();
        let blocked = tokio::spawn({
            let workers = workers.clone();
            async move {
                let job = move || {
                    let _ = started.send(());
                    let _ = wait.recv();
                    Ok(1)
                };
                workers.run(Work::Long, deadline(10_000), job).await
            }
        });
        running.await.unwrap();
        let second = workers.run(Work::Long, deadline(50), || Ok(2)).await;
        assert_eq!(second.unwrap_err().code(), -32002);
        assert_eq!(
            workers
                .run(Work::Call, deadline(10_000), || Ok(3))
                .await
                .unwrap(),
            3
        );
        release.send(()).unwrap();
        assert_eq!(blocked.await.unwrap().unwrap(), 1);
        assert_eq!(
            workers
                .run(Work::Long, deadline(10_000), || Ok(4))
                .await
                .unwrap(),
            4
        );
    }

    #[tokio::test]
    async fn the_queue_is_bounded() {
        let workers = Workers::new(1, 0);
        let failure = workers
            .run(Work::Call, deadline(1_000), || Ok(()))
            .await
            .unwrap_err();
        assert_eq!(failure.code(), -32005);
        assert!(failure.to_string().contains("blocking_queue_max"));
        assert_eq!(workers.waiting(), 0);
    }

    #[tokio::test]
    async fn a_job_that_is_given_up_keeps_its_worker() {
        let workers = Workers::new(1, 8);
        let slow = || {
            thread::sleep(Duration::from_millis(200));
            Ok(())
        };
        let failure = workers
            .run(Work::Call, deadline(20), slow)
            .await
            .unwrap_err();
        assert!(failure.to_string().contains("request_timeout"));
        let next = workers.run(Work::Call, deadline(20), || Ok(())).await;
        assert_eq!(next.unwrap_err().code(), -32002);
        assert!(
            workers
                .run(Work::Call, deadline(5_000), || Ok(()))
                .await
                .is_ok()
        );
    }
}
