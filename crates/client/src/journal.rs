//! What a submission has sent, on disk before it is sent.
//!
//! The journal is a file of JSON lines. The first says what is submitted, by whom and where; each other one
//! holds a signed transaction with the step that it is for. A run that is interrupted, at whatever point,
//! goes on from there: a transaction of the journal is looked for, sent again as it is if it isn't there,
//! and signed anew only when its nonce is used by another, so that no step is ever done twice.

use crate::files;
use alloy_primitives::{Address, B256, Bytes};
use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, TryLockError},
    io::{Seek, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// Longest journal that is read, bytes.
const JOURNAL_BYTES_MAX: u64 = 4 << 30;

/// What is submitted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Task {
    /// The chain's id.
    pub(crate) chain_id: u64,
    /// The chain's genesis block.
    pub(crate) genesis: B256,
    /// Who sends.
    pub(crate) account: Address,
    /// Which command it is.
    pub(crate) command: String,
    /// Hash of what the command was given.
    pub(crate) inputs: B256,
}

/// A transaction that was about to be sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Sent {
    /// What it does, unique within the task.
    pub(crate) step: String,
    /// Its nonce.
    pub(crate) nonce: u64,
    /// Its hash.
    pub(crate) hash: B256,
    /// The signed transaction.
    pub(crate) raw: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
enum Record {
    /// The first line. The secret is what salts are derived from.
    Begin {
        task: Task,
        secret: B256,
    },
    Sent(Sent),
}

/// An open journal, which no other process has open.
#[derive(Debug)]
pub(crate) struct Journal {
    path: PathBuf,
    file: File,
    secret: B256,
    /// The last transaction of each step.
    sent: BTreeMap<String, Sent>,
}

impl Journal {
    /// Opens a task's journal, or begins it.
    pub(crate) fn open(path: &Path, task: &Task) -> anyhow::Result<Self> {
        let opening = || format!("opening the journal {}", path.display());
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .with_context(opening)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                bail!("another process uses the journal {}", path.display())
            }
            Err(TryLockError::Error(error)) => return Err(error).with_context(opening),
        }
        let text = files::read(path, JOURNAL_BYTES_MAX)?;
        // A line that was cut off was being written when the process ended: its transaction wasn't sent.
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |end| end + 1);
        file.set_len(whole as u64).with_context(opening)?;
        file.seek(std::io::SeekFrom::End(0)).with_context(opening)?;
        let mut journal = Self {
            path: path.to_owned(),
            file,
            secret: B256::from(rand::random::<[u8; 32]>()),
            sent: BTreeMap::new(),
        };
        if whole == 0 {
            journal.write(&Record::Begin {
                task: task.clone(),
                secret: journal.secret,
            })?;
            // The name is on disk once its directory is.
            files::sync_directory(path)?;
            return Ok(journal);
        }
        for (number, line) in text[..whole].split(|byte| *byte == b'\n').enumerate() {
            if line.is_empty() {
                continue;
            }
            let record = serde_json::from_slice(line)
                .with_context(|| format!("line {} of {}", number + 1, path.display()))?;
            match record {
                Record::Begin {
                    task: begun,
                    secret,
                } if number == 0 => {
                    ensure!(
                        begun == *task,
                        "the journal {} is another submission's ({}): name another file, or repeat that one",
                        path.display(),
                        difference(&begun, task)
                    );
                    journal.secret = secret;
                }
                Record::Sent(sent) if number > 0 => {
                    journal.sent.insert(sent.step.clone(), sent);
                }
                _ => bail!("line {} of {} is out of place", number + 1, path.display()),
            }
        }
        Ok(journal)
    }

    /// What salts are derived from: known to whoever has the journal alone.
    pub(crate) const fn secret(&self) -> B256 {
        self.secret
    }

    /// The last transaction for a step.
    pub(crate) fn last(&self, step: &str) -> Option<&Sent> {
        self.sent.get(step)
    }

    /// Records a transaction that is about to be sent; it is on disk when this returns.
    pub(crate) fn record(&mut self, sent: Sent) -> anyhow::Result<()> {
        self.write(&Record::Sent(sent.clone()))?;
        self.sent.insert(sent.step.clone(), sent);
        Ok(())
    }

    fn write(&mut self, record: &Record) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(record)?;
        line.push(b'\n');
        self.file
            .write_all(&line)
            .and_then(|()| self.file.sync_data())
            .with_context(|| format!("writing the journal {}", self.path.display()))
    }
}

/// In what two tasks differ.
fn difference(begun: &Task, task: &Task) -> &'static str {
    if (begun.chain_id, begun.genesis) != (task.chain_id, task.genesis) {
        "on another chain"
    } else if begun.account != task.account {
        "by another account"
    } else if begun.command != task.command {
        "of another command"
    } else {
        "with other inputs"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn task() -> Task {
        Task {
            chain_id: 1,
            genesis: B256::ZERO,
            account: Address::ZERO,
            command: "rows".to_owned(),
            inputs: B256::repeat_byte(1),
        }
    }

    fn sent(step: &str, nonce: u64) -> Sent {
        Sent {
            step: step.to_owned(),
            nonce,
            hash: B256::with_last_byte(nonce as u8),
            raw: Bytes::from(vec![2, 3]),
        }
    }

    #[test]
    fn a_journal_remembers_each_steps_last_transaction() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = Journal::open(&path, &task()).unwrap();
        let secret = journal.secret();
        journal.record(sent("a", 1)).unwrap();
        journal.record(sent("b", 2)).unwrap();
        journal.record(sent("a", 3)).unwrap();
        // Nobody else meanwhile.
        let error = Journal::open(&path, &task()).unwrap_err().to_string();
        assert!(error.contains("another process"), "{error}");
        drop(journal);
        // A line that was cut off is forgotten.
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"sent\":{\"step\":\"c\",").unwrap();
        let mut journal = Journal::open(&path, &task()).unwrap();
        assert_eq!(journal.secret(), secret);
        assert_eq!(journal.last("a"), Some(&sent("a", 3)));
        assert_eq!(journal.last("c"), None);
        journal.record(sent("c", 4)).unwrap();
        drop(journal);
        let journal = Journal::open(&path, &task()).unwrap();
        assert_eq!(journal.last("c"), Some(&sent("c", 4)));
    }

    #[test]
    fn a_journal_serves_its_task_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        drop(Journal::open(&path, &task()).unwrap());
        for (other, part) in [
            (
                Task {
                    chain_id: 2,
                    ..task()
                },
                "chain",
            ),
            (
                Task {
                    account: Address::repeat_byte(1),
                    ..task()
                },
                "account",
            ),
            (
                Task {
                    command: "set".to_owned(),
                    ..task()
                },
                "command",
            ),
            (
                Task {
                    inputs: B256::ZERO,
                    ..task()
                },
                "inputs",
            ),
        ] {
            let error = Journal::open(&path, &other).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        fs::write(&path, "{\"sent\":{}}\n").unwrap();
        assert!(Journal::open(&path, &task()).is_err());
    }
}
