//! Counters and latencies, as Prometheus text.

use std::{
    fmt::Write as _,
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the latency buckets, microseconds.
const BUCKETS: [u64; 7] = [100, 1_000, 5_000, 25_000, 100_000, 1_000_000, 10_000_000];

/// What is counted of one method.
#[derive(Debug, Default)]
pub(crate) struct MethodMetrics {
    failures: AtomicU64,
    micros: AtomicU64,
    /// Requests whose time is at or below each bound, but above the one before; the last is the rest.
    buckets: [AtomicU64; BUCKETS.len() + 1],
}

impl MethodMetrics {
    /// Counts a request.
    pub(crate) fn record(&self, elapsed: Duration, failed: bool) {
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Relaxed);
        let bucket = BUCKETS.partition_point(|bound| *bound < micros);
        self.buckets[bucket].fetch_add(1, Relaxed);
        if failed {
            self.failures.fetch_add(1, Relaxed);
        }
    }
}

/// What is counted of the server.
#[derive(Debug, Default)]
pub(crate) struct ServerMetrics {
    /// Open connections, WebSockets included.
    pub(crate) connections: AtomicI64,
    /// Connections refused because there were too many.
    pub(crate) connections_refused: AtomicU64,
    /// Open WebSocket connections.
    pub(crate) sockets: AtomicI64,
    /// Subscriptions.
    pub(crate) subscriptions: AtomicI64,
    /// WebSocket connections closed because they didn't keep up.
    pub(crate) lagged: AtomicU64,
    /// Requests for methods that don't exist.
    pub(crate) unknown_methods: AtomicU64,
    /// Bodies that are no JSON-RPC.
    pub(crate) malformed: AtomicU64,
    /// Requests that timed out.
    pub(crate) timeouts: AtomicU64,
}

/// Counts down when it goes out of scope.
#[derive(Debug)]
pub(crate) struct Gauge<'a>(&'a AtomicI64);

impl<'a> Gauge<'a> {
    /// Counts up.
    pub(crate) fn enter(gauge: &'a AtomicI64) -> Self {
        gauge.fetch_add(1, Relaxed);
        Self(gauge)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// Appends a metric of one value.
pub(crate) fn write_value(
    out: &mut String,
    kind: &str,
    name: &str,
    help: &str,
    value: impl std::fmt::Display,
) {
    // Writing to a string can't fail.
    let _ = write!(
        out,
        "# HELP openledger_{name} {help}\n# TYPE openledger_{name} {kind}\nopenledger_{name} {value}\n"
    );
}

impl ServerMetrics {
    /// Appends all of it.
    pub(crate) fn write(&self, out: &mut String) {
        let gauges = [
            ("rpc_connections", "Open connections.", &self.connections),
            (
                "rpc_websockets",
                "Open WebSocket connections.",
                &self.sockets,
            ),
            ("rpc_subscriptions", "Subscriptions.", &self.subscriptions),
        ];
        for (name, help, value) in gauges {
            write_value(out, "gauge", name, help, value.load(Relaxed));
        }
        let counters = [
            (
                "rpc_connections_refused_total",
                "Connections refused because there were too many.",
                &self.connections_refused,
            ),
            (
                "rpc_websockets_lagged_total",
                "WebSockets closed for lagging.",
                &self.lagged,
            ),
            (
                "rpc_unknown_methods_total",
                "Requests for methods that don't exist.",
                &self.unknown_methods,
            ),
            (
                "rpc_malformed_total",
                "Bodies that are no JSON-RPC.",
                &self.malformed,
            ),
            (
                "rpc_timeouts_total",
                "Requests that timed out.",
                &self.timeouts,
            ),
        ];
        for (name, help, value) in counters {
            write_value(out, "counter", name, help, value.load(Relaxed));
        }
    }
}

/// Appends the counters of the methods that were ever called.
pub(crate) fn write_methods<'a>(
    out: &mut String,
    methods: impl Iterator<Item = (&'static str, &'a MethodMetrics)>,
) {
    let mut failures = String::new();
    out.push_str("# HELP openledger_rpc_request_seconds Time of requests by method.\n");
    out.push_str("# TYPE openledger_rpc_request_seconds histogram\n");
    for (name, metrics) in methods {
        let counts = metrics
            .buckets
            .each_ref()
            .map(|bucket| bucket.load(Relaxed));
        let total: u64 = counts.iter().sum();
        if total == 0 {
            continue;
        }
        let mut below = 0;
        for (bound, count) in BUCKETS.iter().zip(counts) {
            below += count;
            let _ = writeln!(
                out,
                "openledger_rpc_request_seconds_bucket{{method=\"{name}\",le=\"{}\"}} {below}",
                seconds(*bound)
            );
        }
        let _ = writeln!(
            out,
            "openledger_rpc_request_seconds_bucket{{method=\"{name}\",le=\"+Inf\"}} {total}\n\
             openledger_rpc_request_seconds_sum{{method=\"{name}\"}} {}\n\
             openledger_rpc_request_seconds_count{{method=\"{name}\"}} {total}",
            seconds(metrics.micros.load(Relaxed))
        );
        let _ = writeln!(
            failures,
            "openledger_rpc_failures_total{{method=\"{name}\"}} {}",
            metrics.failures.load(Relaxed)
        );
    }
    out.push_str(
        "# HELP openledger_rpc_failures_total Requests answered with an error, by method.\n",
    );
    out.push_str("# TYPE openledger_rpc_failures_total counter\n");
    out.push_str(&failures);
}

fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_are_cumulative() {
        let metrics = MethodMetrics::default();
        metrics.record(Duration::from_micros(100), false);
        metrics.record(Duration::from_micros(101), true);
        metrics.record(Duration::from_secs(60), false);
        let unused = MethodMetrics::default();
        let mut out = String::new();
        write_methods(
            &mut out,
            [("eth_call", &metrics), ("eth_sign", &unused)].into_iter(),
        );
        assert!(
            out.contains("bucket{method=\"eth_call\",le=\"0.0001\"} 1\n"),
            "{out}"
        );
        assert!(out.contains("bucket{method=\"eth_call\",le=\"0.001\"} 2\n"));
        assert!(out.contains("bucket{method=\"eth_call\",le=\"10\"} 2\n"));
        assert!(out.contains("bucket{method=\"eth_call\",le=\"+Inf\"} 3\n"));
        assert!(out.contains("count{method=\"eth_call\"} 3\n"));
        assert!(out.contains("failures_total{method=\"eth_call\"} 1\n"));
        assert!(!out.contains("eth_sign"));
    }

    #[test]
    fn gauges_count_down() {
        let gauge = AtomicI64::new(0);
        {
            let _one = Gauge::enter(&gauge);
            let _two = Gauge::enter(&gauge);
            assert_eq!(gauge.load(Relaxed), 2);
        }
        assert_eq!(gauge.load(Relaxed), 0);
    }
}
