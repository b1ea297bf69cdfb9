//! What a blob costs to build: commitments and proofs of a transaction's blobs, as the batcher has them made.
//!
//! Time is CPU time of the thread that does it, a blob: core-seconds, whatever else the machine does. Version 0 is
//! what the batcher's blocking thread makes (`src/blobs.rs`); version 1 has the cell proofs besides that the sender's
//! blocking thread makes for L1s since Osaka.
//!
//! ```text
//! cargo bench -p openledger-batcher --bench blobs
//! ```

#![allow(missing_docs)] // criterion's macros make undocumented items

use criterion::{BenchmarkId, Criterion, SamplingMode, criterion_group, criterion_main};
use openledger_l1::{BlobSidecar, SidecarVersion};
use openledger_protocol::BLOB_DATA_MAX;
use std::time::{Duration, Instant};

/// Blobs of a transaction: the fewest, and what the batcher fills by default.
const BLOBS: [u32; 2] = [1, 6];
/// Building takes long, and varies little by CPU time.
const SAMPLES: usize = 10;

/// Data that fills so many blobs, unlike any other's.
fn payloads(blobs: u32) -> Vec<Vec<u8>> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 + u64::from(blobs);
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..blobs)
        .map(|_| (0..BLOB_DATA_MAX).map(|_| byte()).collect())
        .collect()
}

/// CPU time of this thread; on systems that don't tell, the time since `start`.
fn cpu_time(start: Instant) -> Duration {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = stat.and_then(|stat| stat.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| start.elapsed(), Duration::from_nanos)
}

fn blobs(criterion: &mut Criterion) {
    let clock = Instant::now();
    // The trusted set-up is loaded once a process.
    BlobSidecar::build(&payloads(1)).expect("it fits");
    let mut group = criterion.benchmark_group("blob");
    group.sample_size(SAMPLES);
    group.sampling_mode(SamplingMode::Flat);
    for (name, version) in [
        ("version 0", SidecarVersion::V0),
        ("version 1", SidecarVersion::V1),
    ] {
        for blobs in BLOBS {
            let payloads = payloads(blobs);
            let id = BenchmarkId::new(name, format!("{blobs} a transaction"));
            group.bench_function(id, |bencher| {
                bencher.iter_custom(|iterations| {
                    let start = cpu_time(clock);
                    for _ in 0..iterations {
                        let sidecar = BlobSidecar::build(&payloads).expect("it fits");
                        std::hint::black_box(sidecar.variant(version).expect("it is proved"));
                    }
                    cpu_time(clock).saturating_sub(start) / blobs
                });
            });
        }
    }
    group.finish();
}

criterion_group!(benches, blobs);
criterion_main!(benches);
