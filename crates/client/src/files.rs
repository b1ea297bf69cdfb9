//! Files of bounded size, read and written whole.

use anyhow::{Context, ensure};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    fs::{self, File},
    io::{self, Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
};

/// Longest JSON file that is read, bytes.
pub const JSON_BYTES_MAX: u64 = 256 << 20;

/// What a new file gets, but for the umask.
const MODE: u32 = 0o666;
/// What a new file with secrets gets.
const SECRET_MODE: u32 = 0o600;

/// Reads a file of at most `max` bytes.
///
/// # Errors
/// A file that can't be read, or is longer; with its path, as all here.
pub fn read(path: &Path, max: u64) -> anyhow::Result<Vec<u8>> {
    let reading = || format!("reading {}", path.display());
    let file = File::open(path).with_context(reading)?;
    let mut bytes = Vec::new();
    // One byte more than may be, so that what grows or has no length is bounded as well.
    file.take(max.saturating_add(1))
        .read_to_end(&mut bytes)
        .with_context(reading)?;
    ensure!(
        bytes.len() as u64 <= max,
        "{} has more than {max} bytes",
        path.display()
    );
    Ok(bytes)
}

/// Reads a text file of at most `max` bytes.
///
/// # Errors
/// As [`read`], or text that isn't UTF-8.
pub fn read_text(path: &Path, max: u64) -> anyhow::Result<String> {
    String::from_utf8(read(path, max)?).with_context(|| format!("{} is not UTF-8", path.display()))
}

/// Reads a JSON file of at most [`JSON_BYTES_MAX`] bytes.
///
/// # Errors
/// As [`read`], or a file of another form.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let bytes = read(path, JSON_BYTES_MAX)?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} isn't what it should be", path.display()))
}

/// Reads a JSON file of at most `max` bytes; `None` if there is none.
///
/// # Errors
/// As [`read_json`].
pub fn read_json_if_any<T: DeserializeOwned>(path: &Path, max: u64) -> anyhow::Result<Option<T>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        _ => {}
    }
    let value = serde_json::from_slice(&read(path, max)?)
        .with_context(|| format!("{} isn't what it should be", path.display()))?;
    Ok(Some(value))
}

/// Writes a file, so that a reader sees all of it or what was there before, whatever happens meanwhile: it is
/// on disk when this returns.
///
/// # Errors
/// A file that can't be written.
pub fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    write_with_mode(path, bytes, MODE)
}

/// Writes what nobody else on the machine may read, as [`write()`] does.
///
/// # Errors
/// A file that can't be written.
pub fn write_secret_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write_with_mode(path, &json_text(value)?, SECRET_MODE)
}

fn write_with_mode(path: &Path, bytes: &[u8], mode: u32) -> anyhow::Result<()> {
    let writing = || format!("writing {}", path.display());
    // A device or pipe is written to; replacing it would be wrong.
    if path.exists() && !path.is_file() {
        return File::create(path)
            .and_then(|mut file| file.write_all(bytes))
            .with_context(writing);
    }
    let mut file = tempfile::Builder::new()
        .permissions(PermissionsExt::from_mode(mode))
        .tempfile_in(directory_of(path))
        .with_context(writing)?;
    file.write_all(bytes)
        .and_then(|()| file.as_file().sync_all())
        .with_context(writing)?;
    file.persist(path).with_context(writing)?;
    // The name is on disk once its directory is.
    sync_directory(path)
}

/// Refuses a place where [`write()`] can't put a file, for those who have to know before they send something.
///
/// # Errors
/// A directory, or a file in a directory that there isn't or that can't be written to.
pub fn require_writable(path: &Path) -> anyhow::Result<()> {
    ensure!(!path.is_dir(), "{} is a directory", path.display());
    tempfile::tempfile_in(directory_of(path))
        .map(drop)
        .with_context(|| format!("writing {}", path.display()))
}

/// Has the name of a new file on disk.
pub(crate) fn sync_directory(path: &Path) -> anyhow::Result<()> {
    let directory = directory_of(path);
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .with_context(|| format!("writing {}", directory.display()))
}

fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes a value as indented JSON, as [`write()`] does.
///
/// # Errors
/// A file that can't be written.
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write(path, &json_text(value)?)
}

fn json_text<T: Serialize>(value: &T) -> anyhow::Result<Vec<u8>> {
    let mut text = serde_json::to_vec_pretty(value)?;
    text.push(b'\n');
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_is_refused_and_what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        assert!(read(&path, 10).is_err());
        write(&path, b"0123456789").unwrap();
        assert_eq!(read(&path, 10).unwrap(), b"0123456789");
        let error = read(&path, 9).unwrap_err().to_string();
        assert!(error.contains("more than 9 bytes"), "{error}");
        write(&path, b"[1, 2]").unwrap();
        assert_eq!(read_json::<Vec<u8>>(&path).unwrap(), [1, 2]);
        assert!(read_json::<Vec<String>>(&path).is_err());
        assert_eq!(
            read_json_if_any::<Vec<u8>>(&path, 6).unwrap(),
            Some(vec![1, 2])
        );
        let error = read_json_if_any::<Vec<u8>>(&path, 5)
            .unwrap_err()
            .to_string();
        assert!(error.contains("more than 5 bytes"), "{error}");
        let nowhere = directory.path().join("b");
        assert_eq!(read_json_if_any::<u8>(&nowhere, 5).unwrap(), None);
        // Without a length, too.
        assert!(read(Path::new("/dev/zero"), 100).is_err());
        write_secret_json(&path, &[1]).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(
            (mode & 0o777, read(&path, 10).unwrap()),
            (SECRET_MODE, b"[\n  1\n]\n".to_vec())
        );
        require_writable(&path).unwrap();
        assert!(require_writable(directory.path()).is_err());
        assert!(require_writable(&directory.path().join("no/a")).is_err());
        write(&path, &[0xff]).unwrap();
        assert!(read_text(&path, 10).is_err());
    }
}
