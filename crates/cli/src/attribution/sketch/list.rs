//! The list of gradients.

use anyhow::{Context, ensure};
use openledger_precompiles::sketch::limits::ROWS_MAX;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Longest list that is read, bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// A gradient's file, with what its row says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) cluster: u32,
    pub(super) label: u16,
    pub(super) path: PathBuf,
}

/// Reads a list: lines `CLUSTER LABEL PATH`, relative paths from the list's directory; empty lines and
/// lines that begin with `#` say nothing.
pub(super) fn read(list: &Path) -> anyhow::Result<Vec<Source>> {
    let reading = || format!("reading {}", list.display());
    let length = fs::metadata(list).with_context(reading)?.len();
    ensure!(
        length <= LIST_BYTES_MAX,
        "{} has {length} bytes, more than {LIST_BYTES_MAX}",
        list.display()
    );
    let text = fs::read_to_string(list).with_context(reading)?;
    let directory = list.parent().unwrap_or(Path::new(""));
    let sources = parse(&text, directory).with_context(reading)?;
    ensure!(!sources.is_empty(), "{} lists nothing", list.display());
    ensure!(
        sources.len() <= ROWS_MAX as usize,
        "{} lists {} gradients, more than the {ROWS_MAX} rows of a set",
        list.display(),
        sources.len()
    );
    Ok(sources)
}

fn parse(text: &str, directory: &Path) -> anyhow::Result<Vec<Source>> {
    let lines = text.lines().map(str::trim);
    lines
        .enumerate()
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(index, line)| {
            let source = || {
                let (cluster, rest) = line.split_once(char::is_whitespace)?;
                let (label, path) = rest.trim_start().split_once(char::is_whitespace)?;
                Some(Source {
                    cluster: cluster.parse().ok()?,
                    label: label.parse().ok()?,
                    path: directory.join(path.trim_start()),
                })
            };
            source().with_context(|| format!("line {} isn't CLUSTER LABEL PATH", index + 1))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_cluster_label_and_path() {
        let text = "# a comment\n\n3 1 a b.safetensors\n  0\t65535   /x\n";
        let sources = parse(text, Path::new("dir")).unwrap();
        assert_eq!(
            sources,
            [
                Source {
                    cluster: 3,
                    label: 1,
                    path: "dir/a b.safetensors".into()
                },
                Source {
                    cluster: 0,
                    label: 65_535,
                    path: "/x".into()
                }
            ]
        );
        for wrong in ["1 2", "x 0 a", "1 65536 a", "-1 0 a"] {
            let error = parse(wrong, Path::new("")).unwrap_err();
            assert!(error.to_string().contains("line 1"), "{wrong}");
        }
    }
}
