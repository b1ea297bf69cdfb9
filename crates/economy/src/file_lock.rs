//! Files that one process at a time writes.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    path::Path,
};

/// A lock that ends with the process, so that nobody else writes the same files.
#[derive(Debug)]
pub struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock of a file, which is made if there is none; `None` if another has it.
    ///
    /// # Errors
    /// A file that can't be made.
    pub fn take(path: &Path) -> io::Result<Option<Self>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(source)) => Err(source),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_one_process_s() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        let lock = FileLock::take(&path).unwrap().unwrap();
        assert!(FileLock::take(&path).unwrap().is_none());
        drop(lock);
        assert!(FileLock::take(&path).unwrap().is_some());
    }
}
