use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// How the backlog of data that is not on L1 limits what a block may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ThrottleConfig {
    /// Backlog, bytes before compression, from which on blocks are limited.
    pub backlog_start: u64,
    /// Backlog at which the limit is at its lowest.
    pub backlog_full: u64,
    /// Bytes of signed transactions that a block may hold when the limit begins.
    pub block_bytes_start: u64,
    /// Bytes that a block may hold at the most backlog; deposits are never limited.
    pub block_bytes_min: u64,
    /// Longest transaction while blocks are limited, bytes.
    pub tx_bytes_max: u64,
}

impl Default for ThrottleConfig {
    fn default() -> Self {
        Self {
            // Four and sixteen minutes of all the blobs of an L1 with nine every 12 s.
            backlog_start: 32_000_000,
            backlog_full: 128_000_000,
            block_bytes_start: 400_000,
            block_bytes_min: 20_000,
            tx_bytes_max: 20_000,
        }
    }
}

impl ThrottleConfig {
    /// Most bytes of a block at this backlog; `None` below the start. Falls linearly from
    /// `block_bytes_start` to `block_bytes_min`.
    pub fn block_bytes(&self, backlog: u64) -> Option<u64> {
        let above = backlog.checked_sub(self.backlog_start)?;
        let width = self.backlog_full.saturating_sub(self.backlog_start).max(1);
        let fall = self.block_bytes_start.saturating_sub(self.block_bytes_min);
        let part = u128::from(fall) * u128::from(above.min(width)) / u128::from(width);
        // A part of `fall`, which is a u64.
        Some(self.block_bytes_start - part as u64)
    }
}

/// What the batcher tells whoever builds blocks: how many bytes a block may hold, so that the
/// backlog of data that is not on L1 doesn't outgrow what can be posted. A handle; cheap to clone.
///
/// Bytes are those of signed transactions in EIP-2718 form. Deposits don't count: they are not
/// posted.
#[derive(Debug, Clone)]
pub struct DaThrottle(Arc<Limits>);

#[derive(Debug)]
struct Limits {
    block_bytes: AtomicU64,
    tx_bytes: AtomicU64,
    backlog_bytes: AtomicU64,
}

impl Default for DaThrottle {
    /// No limit.
    fn default() -> Self {
        Self(Arc::new(Limits {
            block_bytes: AtomicU64::new(u64::MAX),
            tx_bytes: AtomicU64::new(u64::MAX),
            backlog_bytes: AtomicU64::new(0),
        }))
    }
}

impl DaThrottle {
    /// Most bytes of a block's transactions; `u64::MAX` if there is no limit now.
    pub fn block_bytes_max(&self) -> u64 {
        self.0.block_bytes.load(Ordering::Relaxed)
    }

    /// Longest transaction, bytes, that a block may take; `u64::MAX` if there is no limit now. One
    /// that is longer waits in the pool.
    pub fn tx_bytes_max(&self) -> u64 {
        self.0.tx_bytes.load(Ordering::Relaxed)
    }

    /// Bytes that are in sealed blocks and not on L1, as last told.
    pub fn backlog_bytes(&self) -> u64 {
        self.0.backlog_bytes.load(Ordering::Relaxed)
    }

    /// Whether blocks are limited now.
    pub fn is_active(&self) -> bool {
        self.block_bytes_max() != u64::MAX
    }

    /// Sets the limits that belong to a backlog.
    pub fn set_backlog(&self, backlog: u64, config: &ThrottleConfig) {
        let block_bytes = config.block_bytes(backlog);
        let tx_bytes = block_bytes.map_or(u64::MAX, |_| config.tx_bytes_max);
        self.0.backlog_bytes.store(backlog, Ordering::Relaxed);
        self.0.tx_bytes.store(tx_bytes, Ordering::Relaxed);
        self.0
            .block_bytes
            .store(block_bytes.unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_falls_with_the_backlog() {
        let config = ThrottleConfig {
            backlog_start: 100,
            backlog_full: 300,
            block_bytes_start: 50,
            block_bytes_min: 10,
            tx_bytes_max: 7,
        };
        let throttle = DaThrottle::default();
        assert!(!throttle.is_active());
        for (backlog, limit) in [
            (0, u64::MAX),
            (99, u64::MAX),
            (100, 50),
            (200, 30),
            (300, 10),
            (u64::MAX, 10),
        ] {
            throttle.set_backlog(backlog, &config);
            assert_eq!(throttle.block_bytes_max(), limit, "{backlog}");
            assert_eq!(throttle.backlog_bytes(), backlog);
            assert_eq!(throttle.tx_bytes_max() == 7, limit != u64::MAX);
            assert_eq!(throttle.is_active(), limit != u64::MAX);
        }
        // Limits that are upside down don't wrap.
        let odd = ThrottleConfig {
            backlog_full: 0,
            block_bytes_min: 60,
            ..config
        };
        assert_eq!(odd.block_bytes(400), Some(50));
    }
}
