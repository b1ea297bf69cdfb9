//! Lists of files: on each line two words and a path.
//!
//! The path is the rest of the line, so that it may hold spaces, and is taken from the list's directory.
//! Empty lines and lines that begin with `#` say nothing.

use anyhow::{Context, ensure};
use openledger_client::files;
use std::path::{Path, PathBuf};

/// Longest list that is read, bytes.
const LIST_BYTES_MAX: u64 = 64 << 20;

/// What a kind of list holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListForm {
    /// The parts of a line, as messages name them: `CLUSTER LABEL PATH`.
    pub(super) parts: &'static str,
    /// What the lines stand for: `gradients`.
    pub(super) things: &'static str,
    /// Most lines of a list.
    pub(super) lines_max: usize,
}

/// A line that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListLine<'a> {
    pub(super) first: &'a str,
    pub(super) second: &'a str,
    pub(super) path: PathBuf,
}

impl ListForm {
    /// Reads a list, each line by `read_line`; there is at least one.
    pub(super) fn read<T>(
        &self,
        list: &Path,
        read_line: impl Fn(ListLine<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let text = files::read_text(list, LIST_BYTES_MAX)?;
        let directory = list.parent().unwrap_or(Path::new(""));
        let lines = self
            .parse(&text, directory, read_line)
            .with_context(|| format!("reading {}", list.display()))?;
        ensure!(!lines.is_empty(), "{} lists nothing", list.display());
        Ok(lines)
    }

    /// Reads the lines of a text, with paths from `directory`.
    ///
    /// # Errors
    /// Names the first line that isn't of the form, or that `read_line` refuses.
    pub(super) fn parse<T>(
        &self,
        text: &str,
        directory: &Path,
        read_line: impl Fn(ListLine<'_>) -> anyhow::Result<T>,
    ) -> anyhow::Result<Vec<T>> {
        let mut read = Vec::new();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            ensure!(
                read.len() < self.lines_max,
                "there are more than {} {}",
                self.lines_max,
                self.things
            );
            let number = index + 1;
            let line = split(line, directory)
                .with_context(|| format!("line {number} isn't {}", self.parts))?;
            read.push(read_line(line).with_context(|| format!("line {number}"))?);
        }
        Ok(read)
    }
}

fn split<'a>(line: &'a str, directory: &Path) -> Option<ListLine<'a>> {
    let (first, rest) = line.split_once(char::is_whitespace)?;
    let (second, path) = rest.trim_start().split_once(char::is_whitespace)?;
    Some(ListLine {
        first,
        second,
        path: directory.join(path.trim_start()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const FORM: ListForm = ListForm {
        parts: "ONE TWO PATH",
        things: "things",
        lines_max: 2,
    };

    fn words(line: ListLine<'_>) -> anyhow::Result<(String, String, PathBuf)> {
        ensure!(line.first != "no", "{} is refused", line.first);
        Ok((line.first.to_owned(), line.second.to_owned(), line.path))
    }

    #[test]
    fn lines_are_two_words_and_a_path() {
        let lines = FORM
            .parse(
                "# a comment\n\n a b  c d\n1\t2   /x\n",
                Path::new("dir"),
                words,
            )
            .unwrap();
        let line = |first: &str, second: &str, path: &str| {
            (first.to_owned(), second.to_owned(), PathBuf::from(path))
        };
        assert_eq!(lines, [line("a", "b", "dir/c d"), line("1", "2", "/x")]);
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, message) in [
            ("a b c\n\na b", "line 3 isn't ONE TWO PATH"),
            ("# x\nno b c", "line 2: no is refused"),
            ("a b c\na b c\na b c", "there are more than 2 things"),
        ] {
            let error = FORM.parse(text, Path::new(""), words).unwrap_err();
            assert_eq!(format!("{error:#}"), message);
        }
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("list");
        fs::write(&path, "# nothing\n").unwrap();
        let error = FORM.read(&path, words).unwrap_err().to_string();
        assert!(error.ends_with("lists nothing"), "{error}");
        fs::write(&path, "a b").unwrap();
        let error = format!("{:#}", FORM.read(&path, words).unwrap_err());
        assert!(
            error.starts_with("reading ") && error.contains("line 1"),
            "{error}"
        );
    }
}
