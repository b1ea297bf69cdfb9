//! Blobs that somebody kept: beacon nodes forget them after weeks.

use super::request::{FetchError, Http};
use alloy_primitives::{B256, Bytes, hex};
use openledger_protocol::BLOB_BYTES;
use std::path::{Path, PathBuf};

/// Longest answer or file that is read, bytes: a blob in hexadecimal with some room.
const ANSWER_BYTES_MAX: usize = 2 * BLOB_BYTES + 1024;

/// Where an archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchiveLocation {
    /// A directory of files that are named by versioned hash (`0x01…`).
    Directory(PathBuf),
    /// A URL below which each blob is found by its versioned hash.
    Url(reqwest::Url),
}

impl ArchiveLocation {
    /// What begins with `http://` or `https://` is a URL, anything else a directory.
    ///
    /// # Errors
    /// A URL that can't be parsed.
    pub fn parse(text: &str) -> Result<Self, <reqwest::Url as std::str::FromStr>::Err> {
        let text = text.trim();
        if text.starts_with("http://") || text.starts_with("https://") {
            return text.parse().map(Self::Url);
        }
        Ok(Self::Directory(PathBuf::from(text)))
    }
}

/// An archive that is asked for blobs one by one.
#[derive(Debug)]
pub(super) enum Archive {
    Directory(PathBuf),
    Http(Http),
}

impl Archive {
    pub(super) fn label(&self) -> String {
        match self {
            Self::Directory(path) => path.display().to_string(),
            Self::Http(http) => http.label().to_owned(),
        }
    }

    /// The blob under this hash, unverified; `None` if the archive has none.
    pub(super) async fn blob(&self, hash: B256) -> Result<Option<Bytes>, FetchError> {
        match self {
            Self::Directory(directory) => {
                let path = directory.join(hash.to_string());
                match read_bounded(&path).await {
                    Ok(content) => Ok(Some(unwrap_hex(content))),
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                    Err(source) => Err(FetchError::File { path, source }),
                }
            }
            Self::Http(http) => match http.get(&hash.to_string(), None, ANSWER_BYTES_MAX).await {
                Ok(content) => Ok(Some(unwrap_hex(content))),
                Err(error) if error.status() == Some(404) => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

async fn read_bounded(path: &Path) -> std::io::Result<Vec<u8>> {
    let bytes = tokio::fs::metadata(path).await?.len();
    if bytes > ANSWER_BYTES_MAX as u64 {
        return Err(std::io::ErrorKind::FileTooLarge.into());
    }
    tokio::fs::read(path).await
}

/// Archives hold blobs as they are or in hexadecimal, some with quotes around it.
fn unwrap_hex(content: Vec<u8>) -> Bytes {
    if content.len() == BLOB_BYTES {
        return content.into();
    }
    let trimmed = content.trim_ascii();
    let text = trimmed
        .strip_prefix(b"\"")
        .and_then(|text| text.strip_suffix(b"\""))
        .unwrap_or(trimmed);
    hex::decode(text).map_or_else(|_| content.clone().into(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_told_apart() {
        assert_eq!(
            ArchiveLocation::parse(" /var/blobs ").expect("a path"),
            ArchiveLocation::Directory("/var/blobs".into())
        );
        assert!(matches!(
            ArchiveLocation::parse("https://blobs.example/v1"),
            Ok(ArchiveLocation::Url(url)) if url.path() == "/v1"
        ));
        assert!(ArchiveLocation::parse("http://").is_err());
    }

    #[test]
    fn blobs_in_any_form_are_read() {
        let blob = vec![7; BLOB_BYTES];
        let text = hex::encode_prefixed(&blob);
        for content in [
            blob.clone(),
            text.clone().into_bytes(),
            format!("{}\n", hex::encode(&blob)).into_bytes(),
            format!("\"{text}\"").into_bytes(),
        ] {
            assert!(unwrap_hex(content) == blob);
        }
        assert_eq!(unwrap_hex(b"not found".to_vec()), b"not found".to_vec());
    }
}
