//! Tables in RFC 4180's form.
//!
//! Cells are separated by commas, in a file named `.tsv` by tabs; rows end with LF or CRLF. A cell that
//! begins with a quotation mark ends with one, and holds two for each that is in it. Lines without any
//! character are no rows.

use super::token_of;
use alloy_primitives::keccak256;
use icu_normalizer::ComposingNormalizerBorrowed;
use std::path::Path;

/// What is no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TableError {
    #[error("line {0}: a quoted cell has no end")]
    Unterminated(usize),
    #[error(
        "line {0}: a quotation mark stands inside a cell that isn't quoted, or behind one that is"
    )]
    StrayQuote(usize),
}

/// What separates a file's cells.
pub(super) fn delimiter(path: &Path) -> char {
    match path.extension().and_then(|extension| extension.to_str()) {
        Some(extension) if extension.eq_ignore_ascii_case("tsv") => '\t',
        _ => ',',
    }
}

/// A token for each cell of the data rows, in order: the first four bytes of `keccak(u32be column ‖ cell)`,
/// columns counted from 0, cells in NFC without White_Space at their ends.
pub(super) fn tokens(
    text: &str,
    delimiter: char,
    has_header: bool,
) -> Result<Vec<u32>, TableError> {
    let normalizer = ComposingNormalizerBorrowed::new_nfc();
    let mut tokens = Vec::new();
    let mut reader = Reader::new(text, delimiter);
    let mut is_header = has_header;
    let mut column = 0u32;
    while let Some((cell, ends_row)) = reader.next_cell()? {
        if !is_header {
            let cell = normalizer.normalize(&cell);
            let preimage = [&column.to_be_bytes()[..], cell.trim().as_bytes()].concat();
            tokens.push(token_of(keccak256(preimage)));
        }
        // A row has fewer cells than a file has bytes.
        column += 1;
        if ends_row {
            column = 0;
            is_header = false;
        }
    }
    Ok(tokens)
}

/// Cells of a text, one by one.
struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    delimiter: char,
    line: usize,
    at_row_start: bool,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, delimiter: char) -> Self {
        Self {
            rest: text.chars().peekable(),
            delimiter,
            line: 1,
            at_row_start: true,
        }
    }

    /// The next cell, and whether its row ends with it.
    fn next_cell(&mut self) -> Result<Option<(String, bool)>, TableError> {
        if self.at_row_start {
            while self.take_line_end() {}
            if self.rest.peek().is_none() {
                return Ok(None);
            }
        }
        let mut cell = String::new();
        if self.rest.next_if_eq(&'"').is_some() {
            self.quoted(&mut cell)?;
            let ends = self.rest.peek().is_none_or(|c| *c == self.delimiter);
            if !ends && !matches!(self.rest.peek(), Some('\r' | '\n')) {
                return Err(TableError::StrayQuote(self.line));
            }
        }
        loop {
            if self.rest.next_if_eq(&self.delimiter).is_some() {
                self.at_row_start = false;
                return Ok(Some((cell, false)));
            }
            if self.rest.peek().is_none() || self.take_line_end() {
                self.at_row_start = true;
                return Ok(Some((cell, true)));
            }
            match self.rest.next() {
                Some('"') => return Err(TableError::StrayQuote(self.line)),
                Some(character) => cell.push(character),
                None => {}
            }
        }
    }

    /// The rest of a cell whose first quotation mark is taken.
    fn quoted(&mut self, cell: &mut String) -> Result<(), TableError> {
        let first_line = self.line;
        loop {
            match self.rest.next() {
                None => return Err(TableError::Unterminated(first_line)),
                Some('"') if self.rest.next_if_eq(&'"').is_some() => cell.push('"'),
                Some('"') => return Ok(()),
                Some(character) => {
                    self.line += usize::from(character == '\n');
                    cell.push(character);
                }
            }
        }
    }

    /// Takes LF or CRLF, if that is next.
    fn take_line_end(&mut self) -> bool {
        let mut ahead = self.rest.clone();
        ahead.next_if_eq(&'\r');
        if ahead.next_if_eq(&'\n').is_none() {
            return false;
        }
        self.rest = ahead;
        self.line += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str) -> Result<Vec<Vec<String>>, TableError> {
        let (mut rows, mut row) = (Vec::new(), Vec::new());
        let mut reader = Reader::new(text, ',');
        while let Some((cell, ends)) = reader.next_cell()? {
            row.push(cell);
            if ends {
                rows.push(std::mem::take(&mut row));
            }
        }
        Ok(rows)
    }

    #[test]
    fn cells_are_those_of_rfc_4180() {
        assert_eq!(
            cells("a,b\r\n\"x,\"\"y\"\"\nz\",\n\n,2").unwrap(),
            [vec!["a", "b"], vec!["x,\"y\"\nz", ""], vec!["", "2"]]
        );
        assert_eq!(cells("a\n").unwrap(), [vec!["a"]]);
        assert_eq!(cells("\"\"").unwrap(), [vec![""]]);
        assert_eq!(cells("a,").unwrap(), [vec!["a", ""]]);
        assert!(cells("\n\r\n").unwrap().is_empty());
        assert_eq!(cells("x\n\"a\nb"), Err(TableError::Unterminated(2)));
        assert_eq!(cells("a\"b"), Err(TableError::StrayQuote(1)));
        assert_eq!(cells("\"a\"b"), Err(TableError::StrayQuote(1)));
    }

    #[test]
    fn a_token_is_of_column_and_cell() {
        let token = |column: u8, cell: &str| {
            token_of(keccak256(
                [&[0, 0, 0, column][..], cell.as_bytes()].concat(),
            ))
        };
        let expected = [
            token(0, "7"),
            token(1, "x y"),
            token(0, ""),
            token(1, "\u{e9}"),
        ];
        let text = "n,s\n 7 ,\"x y\t\"\n,e\u{301}\n";
        assert_eq!(tokens(text, ',', true).unwrap(), expected);
        assert_eq!(tokens(text, ',', false).unwrap()[2..], expected);
        assert_eq!(
            tokens(
                &text.replace(',', "\t").replace("\t\"\n", "\"\n"),
                '\t',
                true
            )
            .unwrap(),
            expected
        );
        assert_eq!(delimiter(Path::new("a.TSV")), '\t');
        assert_eq!(delimiter(Path::new("a.csv")), ',');
        // A header alone has no data.
        assert!(tokens("a,b\n", ',', true).unwrap().is_empty());
    }
}
