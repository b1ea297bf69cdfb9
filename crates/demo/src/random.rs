//! A seeded stream of random numbers: the same on every machine, and independent of any crate's version.

use openledger_precompiles::hash::{mix64, sm64};

/// splitmix64, from a seed and the name of a stream, so that what one part draws doesn't move what another draws.
#[derive(Debug, Clone)]
pub(crate) struct Random {
    seed: u64,
    next: u64,
}

impl Random {
    /// The stream `name` of `seed`.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let name = name
            .bytes()
            .fold(0u64, |hash, byte| mix64(hash ^ u64::from(byte)));
        Self {
            seed: mix64(seed ^ name),
            next: 0,
        }
    }

    /// 64 random bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.next += 1;
        sm64(self.seed, self.next)
    }

    /// Uniform in [0, 1).
    pub(crate) fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (-53f64).exp2()
    }

    /// Uniform below `bound`, which is positive; the bias is below `bound`/2^53.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.unit() * bound as f64) as usize
    }

    /// Normal with mean 0 and deviation 1 (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }

    /// `count` normal values.
    pub(crate) fn normals(&mut self, count: usize, deviation: f64) -> Vec<f32> {
        (0..count)
            .map(|_| (self.normal() * deviation) as f32)
            .collect()
    }

    /// An index, each with the probability of its weight; weights are not negative and not all zero.
    pub(crate) fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (index, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return index;
            }
        }
        weights.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_are_reproducible_and_differ() {
        let draw = |seed, name| {
            let mut random = Random::new(seed, name);
            [random.bits(), random.bits()]
        };
        assert_eq!(draw(1, "a"), draw(1, "a"));
        assert_ne!(draw(1, "a"), draw(1, "b"));
        assert_ne!(draw(1, "a"), draw(2, "a"));
    }

    #[test]
    fn values_have_their_distributions() {
        let mut random = Random::new(7, "distributions");
        let normals = random.normals(20_000, 2.0);
        let mean = normals.iter().sum::<f32>() / 20_000.0;
        let variance = normals.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 20_000.0;
        assert!(mean.abs() < 0.06 && (variance - 4.0).abs() < 0.2);
        let mut counts = [0; 3];
        for _ in 0..10_000 {
            counts[random.weighted(&[1.0, 0.0, 3.0])] += 1;
        }
        assert_eq!(counts[1], 0);
        assert!((2_200..2_800).contains(&counts[0]));
    }
}
