//! What an adapter is offered for, and what a call costs by it.

use alloy_primitives::U256;

/// Prices are for so many tokens.
const PRICED_TOKENS: u64 = 1_000;

/// What an adapter is offered for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    /// Of a thousand tokens of the prompt, wei.
    pub price_in: u128,
    /// Of a thousand tokens of the answer, wei.
    pub price_out: u128,
}

impl Prices {
    /// ⌈(in · priceIn + out · priceOut) / 1000⌉ wei; `None` beyond 128 bits, which the contracts refuse.
    pub fn price(&self, tokens_in: u32, tokens_out: u32) -> Option<u128> {
        // 128 and 32 bits, twice: far below 256.
        let product = U256::from(self.price_in) * U256::from(tokens_in)
            + U256::from(self.price_out) * U256::from(tokens_out);
        product.div_ceil(U256::from(PRICED_TOKENS)).try_into().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Prices;

    #[test]
    fn a_price_is_rounded_up_once() {
        let prices = |price_in, price_out| Prices {
            price_in,
            price_out,
        };
        assert_eq!(prices(1, 1).price(0, 0), Some(0));
        assert_eq!(prices(1, 1).price(1, 1), Some(1));
        assert_eq!(prices(600, 600).price(1, 1), Some(2));
        assert_eq!(prices(500, 500).price(1, 1), Some(1));
        assert_eq!(prices(3_000, 7_001).price(1_500, 400), Some(7_301));
        assert_eq!(prices(u128::MAX, 0).price(1_000, u32::MAX), Some(u128::MAX));
        assert_eq!(prices(u128::MAX, 1_000).price(1_000, 1), None);
        assert_eq!(prices(u128::MAX, u128::MAX).price(u32::MAX, u32::MAX), None);
    }
}
