//! Files that the commands read: bounded, and named in what is said of them.

use anyhow::anyhow;
pub(crate) use openledger_client::files::{read_json_if_any, read_text};
use serde::de::DeserializeOwned;

/// Parses a TOML text.
///
/// # Errors
/// What is unknown or malformed, on one line that begins with its number.
pub(crate) fn parse_toml<T: DeserializeOwned>(text: &str) -> anyhow::Result<T> {
    toml::from_str(text).map_err(|error| {
        let line = error
            .span()
            .map_or(1, |span| text[..span.start].lines().count().max(1));
        // toml's own text draws the line over several lines.
        anyhow!("line {line}: {}", error.message())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_a_toml_error_is_named() {
        let error = parse_toml::<toml::Table>("a = 1\nb = ").unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
}
