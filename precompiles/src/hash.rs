//! The 64-bit mixers of the specification.

/// The golden-ratio increment of splitmix64.
pub const GOLD: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of splitmix64, a bijection of 64-bit words.
pub const fn mix64(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The stateless splitmix64: word `index` of the stream that `seed` starts.
pub const fn sm64(seed: u64, index: u64) -> u64 {
    mix64(seed.wrapping_add(index.wrapping_add(1).wrapping_mul(GOLD)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generator's published first outputs for seed 1234567.
    #[test]
    fn sm64_is_splitmix64() {
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
            4_593_380_528_125_082_431,
            16_408_922_859_458_223_821u64,
        ];
        for (index, expected) in (0..).zip(expected) {
            assert_eq!(sm64(1_234_567, index), expected);
        }
        assert_eq!(mix64(0), 0);
    }
}
