//! The list of gradients.

use super::super::list::{ListForm, ListLine};
use anyhow::Context;
use openledger_precompiles::sketch::limits::ROWS_MAX;
use std::path::{Path, PathBuf};

const LIST: ListForm = ListForm {
    parts: "CLUSTER LABEL PATH",
    things: "gradients (rows of a set)",
    lines_max: ROWS_MAX as usize,
};

/// A gradient's file, with what its row says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) cluster: u32,
    pub(super) label: u16,
    pub(super) path: PathBuf,
}

/// Reads a list with lines `CLUSTER LABEL PATH`.
pub(super) fn read(list: &Path) -> anyhow::Result<Vec<Source>> {
    LIST.read(list, read_line)
}

fn read_line(line: ListLine<'_>) -> anyhow::Result<Source> {
    let (cluster, label) = (line.first.parse(), line.second.parse());
    Ok(Source {
        cluster: cluster.with_context(|| format!("{} is no cluster", line.first))?,
        label: label.with_context(|| format!("{} is no label", line.second))?,
        path: line.path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_cluster_label_and_path() {
        let parse = |text| LIST.parse(text, Path::new("dir"), read_line);
        let sources = parse("3 1 a b.safetensors\n  0\t65535   /x\n").unwrap();
        let source = |cluster, label, path: &str| Source {
            cluster,
            label,
            path: path.into(),
        };
        assert_eq!(
            sources,
            [source(3, 1, "dir/a b.safetensors"), source(0, 65_535, "/x")]
        );
        for (wrong, part) in [
            ("1 2", "isn't CLUSTER LABEL PATH"),
            ("x 0 a", "line 1: x is no cluster"),
            ("1 65536 a", "line 1: 65536 is no label"),
            ("-1 0 a", "line 1: -1 is no cluster"),
        ] {
            let error = format!("{:#}", parse(wrong).unwrap_err());
            assert!(error.contains(part), "{error}");
        }
    }
}
