//! Texts.

use super::token_of;
use alloy_primitives::keccak256;
use icu_normalizer::ComposingNormalizerBorrowed;

/// A token for each maximal run of characters without White_Space in the text's NFC form: the first four
/// bytes of keccak of its UTF-8.
pub(super) fn tokens(text: &str) -> anyhow::Result<Vec<u32>> {
    let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
    // `split_whitespace` goes by the property White_Space.
    Ok(text
        .split_whitespace()
        .map(|run| token_of(keccak256(run)))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_tokens_in_nfc() {
        let word = |word: &str| token_of(keccak256(word));
        assert_eq!(
            tokens("a  b\u{a0}C\u{3000}\n\u{85}a\u{200b}b").unwrap(),
            [word("a"), word("b"), word("C"), word("a\u{200b}b")]
        );
        // keccak256("abc") = 4e03657a…
        assert_eq!(tokens("abc").unwrap(), [0x4e03_657a]);
        // Decomposed and composed forms are one.
        assert_eq!(
            tokens("e\u{301}tude \u{1112}\u{1161}\u{11ab}").unwrap(),
            tokens("\u{e9}tude \u{d55c}").unwrap()
        );
        assert_ne!(tokens("A").unwrap(), tokens("a").unwrap());
        assert!(tokens(" \n").unwrap().is_empty());
    }
}
