//! The two divisions of the specification.

/// `a / b` truncated toward zero; `None` where `b` is zero or the quotient doesn't fit.
pub const fn tdiv(a: i128, b: i128) -> Option<i128> {
    a.checked_div(b)
}

/// `a / b` rounded to the nearest integer, halves away from zero; `None` unless `0 < b < 2^126` and
/// `|a| < 2^126`, within which nothing can overflow.
pub const fn rdiv(a: i128, b: i128) -> Option<i128> {
    const LIMIT: u128 = 1 << 126;
    let magnitude = a.unsigned_abs();
    if b <= 0 || b.unsigned_abs() >= LIMIT || magnitude >= LIMIT {
        return None;
    }
    let divisor = b.unsigned_abs();
    // Both summands and the product are below 2^127; the quotient is at most `magnitude` + 1.
    let doubled = magnitude.wrapping_mul(2).wrapping_add(divisor);
    match doubled.checked_div(divisor.wrapping_mul(2)) {
        Some(quotient) if a < 0 => Some((quotient as i128).wrapping_neg()),
        Some(quotient) => Some(quotient as i128),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rdiv_rounds_halves_away_from_zero() {
        for (a, b, expected) in [
            (5, 2, 3),
            (-5, 2, -3),
            (4, 3, 1),
            (-4, 3, -1),
            (0, 7, 0),
            (7, 1, 7),
            (-1, 2, -1),
            (1, 3, 0),
        ] {
            assert_eq!(rdiv(a, b), Some(expected), "{a}/{b}");
        }
        assert_eq!(rdiv(1, 0), None);
        assert_eq!(rdiv(1, -1), None);
        assert_eq!(rdiv(1 << 126, 1), None);
        assert_eq!(rdiv(i128::MIN, 1), None);
        assert_eq!(tdiv(-7, 2), Some(-3));
        assert_eq!(tdiv(7, 0), None);
        assert_eq!(tdiv(i128::MIN, -1), None);
    }

    proptest! {
        #[test]
        fn rdiv_is_the_nearest(a in -(1i128 << 100)..(1i128 << 100), b in 1i128..(1 << 60)) {
            let quotient = rdiv(a, b).unwrap();
            let rest = a - quotient * b;
            prop_assert!(2 * rest.abs() <= b);
            if 2 * rest.abs() == b {
                // Rounded away: what is left has the opposite sign.
                prop_assert_eq!(rest.signum(), -a.signum());
            }
        }
    }
}
