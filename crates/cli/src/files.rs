//! Files that the commands read: bounded, and named in what is said of them.

use anyhow::{Context, anyhow, ensure};
use serde::de::DeserializeOwned;
use std::{fs, io, path::Path};

/// Reads a text of at most `bytes_max` bytes.
///
/// # Errors
/// A file that can't be read, is longer, or holds no UTF-8; with its path.
pub(crate) fn read_text(path: &Path, bytes_max: u64) -> anyhow::Result<String> {
    let context = || path.display().to_string();
    let bytes = fs::metadata(path).with_context(context)?.len();
    ensure!(
        bytes <= bytes_max,
        "{} has {bytes} bytes, more than {bytes_max}",
        path.display()
    );
    fs::read_to_string(path).with_context(context)
}

/// Reads a JSON file of at most `bytes_max` bytes; `None` if there is none.
///
/// # Errors
/// As [`read_text`], or a file of another form.
pub(crate) fn read_json_if_any<T: DeserializeOwned>(
    path: &Path,
    bytes_max: u64,
) -> anyhow::Result<Option<T>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let text = read_text(path, bytes_max)?;
    let value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
    Ok(Some(value))
}

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
    fn files_are_bounded_and_named() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.json");
        assert_eq!(read_json_if_any::<u64>(&path, 8).unwrap(), None);
        assert!(read_text(&path, 8).is_err());
        fs::write(&path, "12345").unwrap();
        assert_eq!(read_json_if_any(&path, 5).unwrap(), Some(12_345));
        fs::write(&path, "{").unwrap();
        for error in [
            read_json_if_any::<u64>(&path, 8).unwrap_err(),
            read_text(&path, 0).unwrap_err(),
        ] {
            assert!(error.to_string().contains("a.json"), "{error:#}");
        }
    }

    #[test]
    fn the_line_of_a_toml_error_is_named() {
        let error = parse_toml::<toml::Table>("a = 1\nb = ").unwrap_err();
        assert!(error.to_string().starts_with("line 2: "), "{error}");
    }
}
