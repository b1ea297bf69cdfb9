//! Numbers and how they are summed up.

use serde::Serialize;
use std::{fmt, time::Duration};

/// Which of two values is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// The higher.
    Higher,
    /// The lower.
    Lower,
}

/// One measured value.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Figure {
    /// The value.
    pub value: f64,
    /// Its unit.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
}

/// Measured values by name, in the order of measuring.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures(pub Vec<(String, Figure)>);

impl Figures {
    /// Adds a value of which more is better.
    pub fn higher(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.0.push((
            name.into(),
            Figure {
                value,
                unit,
                better: Better::Higher,
            },
        ));
    }

    /// Adds a value of which less is better.
    pub fn lower(&mut self, name: impl Into<String>, value: f64, unit: &'static str) {
        self.0.push((
            name.into(),
            Figure {
                value,
                unit,
                better: Better::Lower,
            },
        ));
    }

    /// Adds median and 99th percentile, in milliseconds.
    pub fn latencies(&mut self, name: &str, latencies: &Latencies) {
        for percent in [50, 99] {
            if let Some(value) = latencies.percentile(percent) {
                self.lower(
                    format!("{name} p{percent}"),
                    value.as_secs_f64() * 1e3,
                    "ms",
                );
            }
        }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, figure) in &self.0 {
            writeln!(
                f,
                "  {name:<44} {:>12} {}",
                number(figure.value),
                figure.unit
            )?;
        }
        Ok(())
    }
}

/// Durations of which percentiles are wanted.
#[derive(Debug, Clone, Default)]
pub struct Latencies(Vec<Duration>);

impl Latencies {
    /// Adds one.
    pub fn add(&mut self, latency: Duration) {
        self.0.push(latency);
    }

    /// Adds another's.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// How many there are.
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The smallest value that at least `percent` % of all don't exceed; `None` if there is none.
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).max(1);
        sorted.get(rank - 1).copied()
    }
}

/// The middle value, or the mean of the two in the middle; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.len() % 2, sorted.get(middle)) {
        (1, Some(value)) => *value,
        (0, Some(value)) => (sorted[middle - 1] + value) / 2.0,
        _ => 0.0,
    }
}

/// A number with about four digits.
pub(super) fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 1_000.0 => format!("{value:.0}"),
        medium if medium >= 100.0 => format!("{value:.1}"),
        medium if medium >= 10.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_and_medians() {
        let mut latencies = Latencies::default();
        assert_eq!(latencies.percentile(50), None);
        for value in (1..=100).rev() {
            latencies.add(Duration::from_millis(value));
        }
        assert_eq!(latencies.percentile(50), Some(Duration::from_millis(50)));
        assert_eq!(latencies.percentile(99), Some(Duration::from_millis(99)));
        assert_eq!(latencies.percentile(100), Some(Duration::from_millis(100)));
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert_eq!(median(&[]), 0.0);
    }
}
