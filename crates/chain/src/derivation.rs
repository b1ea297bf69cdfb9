//! Derivation from a living L1: blocks that are read ahead on one side, the driver on the other.

use crate::{
    Chain, Driver, DriverError, OnContradiction, Progress, SafeBlock, TrackError,
    l1_block::input_with_blobs, origin::l1_holds, start_driver,
};
use openledger_l1::{BatchBlobs, L1Client, L1Heads, ReadAhead, ReadBlock, batcher_in};
use openledger_primitives::BlockNumHash;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tracing::{debug, info};

/// Time between lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(2);

/// Derives a chain from its L1, block by block of the L1, which is read ahead meanwhile. It leads to the
/// same chain live and in one go: [`track`](crate::track) and a verification from genesis both drive it.
///
/// `visit` sees each block that L1 holds, on a worker thread, and ends the derivation by answering `false`.
pub struct Derivation<V> {
    chain: Arc<Chain>,
    l1: L1Client,
    heads: watch::Receiver<L1Heads>,
    reader: ReadAhead,
    /// Away while a worker thread has them.
    worker: Option<(Driver, V)>,
    /// The L1 block that is needed next.
    next: u64,
    /// Says to the worker that nobody waits for it any more.
    abandoned: Arc<AtomicBool>,
    reported: Instant,
}

impl<V> std::fmt::Debug for Derivation<V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Derivation")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl<V> Drop for Derivation<V> {
    fn drop(&mut self) {
        self.abandoned.store(true, Ordering::Relaxed);
    }
}

/// What came of an L1 block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DerivedL1 {
    /// The L1 block.
    pub l1: BlockNumHash,
    /// Whether `visit` wanted all that it was told.
    pub goes_on: bool,
}

impl<V: FnMut(SafeBlock) -> bool + Send + 'static> Derivation<V> {
    /// Begins after the safe head, and follows `heads`: L1 blocks up to the newest are derived, and what is
    /// finalized on L1 finalizes blocks.
    ///
    /// # Errors
    /// [`TrackError`].
    pub async fn start(
        chain: Arc<Chain>,
        l1: L1Client,
        heads: watch::Receiver<L1Heads>,
        policy: OnContradiction,
        visit: V,
    ) -> Result<Self, TrackError> {
        let mut driver = start_driver(&chain, &l1, policy).await?;
        // A driver that was fed nothing has nothing to derive from.
        let next = driver.next_l1()?.ok_or(TrackError::Interrupted)?;
        let reader = ReadAhead::spawn(
            l1.clone(),
            chain.config().clone(),
            heads.clone(),
            next,
            driver.batcher(),
        );
        Ok(Self {
            chain,
            l1,
            heads,
            reader,
            worker: Some((driver, visit)),
            next,
            abandoned: Arc::default(),
            reported: Instant::now(),
        })
    }

    /// Number of the L1 block that is needed next.
    pub const fn next_l1(&self) -> u64 {
        self.next
    }

    /// Waits for the next L1 block and derives all that follows from it; `None` once nobody tells heads any
    /// more. After an error for which [`TrackError::is_reading`] holds, call it again after a pause;
    /// after any other, or if it was cancelled, begin anew.
    ///
    /// # Errors
    /// [`TrackError`]; a reorganization of the L1 is one of severity reset.
    pub async fn next(&mut self) -> Result<Option<DerivedL1>, TrackError> {
        let block = loop {
            tokio::select! {
                read = self.reader.next() => match read {
                    Some(Ok(block)) => break block,
                    Some(Err(error)) => {
                        self.read_again()?;
                        return Err(error.into());
                    }
                    None => return Ok(None),
                },
                changed = self.heads.changed() => {
                    if changed.is_err() {
                        return Ok(None);
                    }
                    self.finalize().await?;
                }
            }
        };
        self.check_parent(&block).await?;
        let blobs = self.blobs_of(&block).await?;
        let input = input_with_blobs(
            self.chain.config(),
            self.chain.l1_config(),
            &block.data,
            &blobs,
        )?;
        let l1 = block.data.id();
        let is_final = block.is_final;
        drop(block);
        let mut progress = self.progress(l1.number);
        let abandoned = self.abandoned.clone();
        let halt = self
            .work(move |driver, visit| {
                driver.feed(input)?;
                let halt = driver.derive(&mut |safe| {
                    progress.tell(&safe);
                    visit(safe) && !abandoned.load(Ordering::Relaxed)
                })?;
                // Of an L1 block that was left in the middle not all is derived.
                if is_final && halt != Progress::Stopped {
                    driver.finalize(l1)?;
                }
                Ok((halt, progress.reported))
            })
            .await?;
        let (halt, reported) = halt;
        self.reported = reported;
        if let Progress::NeedL1 { number } = halt {
            self.next = number;
        }
        self.finalize().await?;
        Ok(Some(DerivedL1 {
            l1,
            goes_on: halt != Progress::Stopped,
        }))
    }

    /// Finalizes what the L1's finalized block says, if that was derived from.
    async fn finalize(&mut self) -> Result<(), TrackError> {
        let finalized = self
            .heads
            .borrow_and_update()
            .finalized
            .as_ref()
            .map(|header| BlockNumHash {
                number: header.number,
                hash: header.hash(),
            });
        let Some(finalized) = finalized.filter(|finalized| finalized.number < self.next) else {
            return Ok(());
        };
        self.work(move |driver, _| driver.finalize(finalized)).await
    }

    /// Refuses a block on another branch than the one that was derived from, as long as the L1 holds that:
    /// endpoints may be at odds for a while.
    async fn check_parent(&mut self, block: &ReadBlock) -> Result<(), TrackError> {
        let Some((driver, _)) = &self.worker else {
            return Err(TrackError::Interrupted);
        };
        let Some(last) = driver.l1() else {
            return Ok(());
        };
        let number = block.data.header.number;
        if block.data.header.parent_hash != last.hash && l1_holds(&self.l1, last).await? {
            self.read_again()?;
            return Err(TrackError::Branches { number });
        }
        Ok(())
    }

    /// The blobs that were read with a block, or, if the batcher is another than was foreseen, its own.
    async fn blobs_of(&mut self, block: &ReadBlock) -> Result<BatchBlobs, TrackError> {
        let Some((driver, _)) = &self.worker else {
            return Err(TrackError::Interrupted);
        };
        let config = self.chain.config();
        let batcher = batcher_in(&block.data, config, driver.batcher());
        if batcher == block.batcher {
            return Ok(block.blobs.clone());
        }
        let read = self.l1.batch_blobs(&block.data, config, batcher).await;
        if read.is_err() {
            self.read_again()?;
        }
        Ok(read?)
    }

    /// Begins to read anew at the L1 block that is needed.
    fn read_again(&mut self) -> Result<(), TrackError> {
        let Some((driver, _)) = &self.worker else {
            return Err(TrackError::Interrupted);
        };
        self.reader = ReadAhead::spawn(
            self.l1.clone(),
            self.chain.config().clone(),
            self.heads.clone(),
            self.next,
            driver.batcher(),
        );
        Ok(())
    }

    /// Runs the driver on a thread that may wait for the disk.
    async fn work<T: Send + 'static>(
        &mut self,
        work: impl FnOnce(&mut Driver, &mut V) -> Result<T, DriverError> + Send + 'static,
    ) -> Result<T, TrackError> {
        let (mut driver, mut visit) = self.worker.take().ok_or(TrackError::Interrupted)?;
        let (driver, visit, done) = tokio::task::spawn_blocking(move || {
            let done = work(&mut driver, &mut visit);
            (driver, visit, done)
        })
        .await
        .map_err(|_| TrackError::Interrupted)?;
        self.worker = Some((driver, visit));
        Ok(done?)
    }

    fn progress(&self, l1_block: u64) -> ProgressLog {
        let l1_head = self
            .heads
            .borrow()
            .latest
            .as_ref()
            .map_or(l1_block, |latest| latest.number);
        ProgressLog {
            l1_block,
            l1_head,
            // What takes less than an interval is worth no line.
            reported: if l1_head == l1_block {
                Instant::now()
            } else {
                self.reported
            },
        }
    }
}

/// Says how far derivation has come, where it takes long.
struct ProgressLog {
    l1_block: u64,
    l1_head: u64,
    reported: Instant,
}

impl ProgressLog {
    fn tell(&mut self, safe: &SafeBlock) {
        if self.reported.elapsed() >= PROGRESS_INTERVAL {
            self.reported = Instant::now();
            info!(
                l1_block = self.l1_block,
                l1_head = self.l1_head,
                block = safe.block.number(),
                "deriving"
            );
        }
        debug!(
            block = safe.block.number(),
            l1_block = safe.l1.number,
            executed = safe.executed,
            "block is safe"
        );
    }
}
