use alloy_primitives::B256;
use alloy_signer_local::PrivateKeySigner;
use std::{path::Path, str::FromStr};

/// Longest file that is read for a key, bytes.
const KEY_FILE_BYTES_MAX: u64 = 4096;

/// Why a key can't be used. No variant holds any part of the key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file can't be read.
    #[error("key file {path}: {source}")]
    File {
        /// The path.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The file is too long to hold a key.
    #[error("key file {path} has {bytes} bytes, more than {KEY_FILE_BYTES_MAX}")]
    FileSize {
        /// The path.
        path: std::path::PathBuf,
        /// Its size.
        bytes: u64,
    },
    /// The environment variable is not set, or is not text.
    #[error("environment variable {name} holds no key")]
    Environment {
        /// The variable.
        name: &'static str,
    },
    /// What was read is no private key.
    #[error("{origin} holds no private key: 64 hexadecimal digits are expected")]
    Format {
        /// Path or variable that it was read from.
        origin: std::path::PathBuf,
    },
}

/// Reads a private key, 64 hexadecimal digits with or without `0x`, from a file.
///
/// # Errors
/// If the file can't be read or holds no key.
pub fn key_from_file(path: &Path) -> Result<PrivateKeySigner, KeyError> {
    let at = |source| KeyError::File {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(at)?.len();
    if bytes > KEY_FILE_BYTES_MAX {
        return Err(KeyError::FileSize {
            path: path.to_owned(),
            bytes,
        });
    }
    let text = std::fs::read_to_string(path).map_err(at)?;
    parse(&text).ok_or_else(|| KeyError::Format {
        origin: path.to_owned(),
    })
}

/// Reads a private key, 64 hexadecimal digits with or without `0x`, from an environment variable.
///
/// # Errors
/// If the variable is not set or holds no key.
pub fn key_from_env(name: &'static str) -> Result<PrivateKeySigner, KeyError> {
    let text = std::env::var(name).map_err(|_| KeyError::Environment { name })?;
    parse(&text).ok_or_else(|| KeyError::Format {
        origin: name.into(),
    })
}

fn parse(text: &str) -> Option<PrivateKeySigner> {
    PrivateKeySigner::from_bytes(&B256::from_str(text.trim()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

    #[test]
    fn a_key_file_is_read() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("key");
        for text in [KEY.to_owned(), format!("0x{KEY}\n")] {
            std::fs::write(&path, text).expect("writable");
            assert_eq!(
                key_from_file(&path).expect("a key").address().to_string(),
                ADDRESS
            );
        }
    }

    #[test]
    fn errors_show_nothing_of_the_key() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let path = dir.path().join("key");
        assert!(matches!(key_from_file(&path), Err(KeyError::File { .. })));
        // One digit short; the zero key; not hexadecimal.
        for text in [&KEY[1..], &"0".repeat(64), "secret words"] {
            std::fs::write(&path, text).expect("writable");
            let error = key_from_file(&path).expect_err("no key");
            assert!(matches!(error, KeyError::Format { .. }));
            assert!(!format!("{error} {error:?}").contains(text));
        }
        std::fs::write(&path, "a".repeat(5000)).expect("writable");
        assert!(matches!(
            key_from_file(&path),
            Err(KeyError::FileSize { bytes: 5000, .. })
        ));
        assert!(matches!(
            key_from_env("OPENLEDGER_TEST_NO_SUCH_KEY"),
            Err(KeyError::Environment {
                name: "OPENLEDGER_TEST_NO_SUCH_KEY"
            })
        ));
    }
}
