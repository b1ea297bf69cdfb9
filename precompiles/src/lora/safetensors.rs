//! The header of a safetensors file, in the restricted grammar that the registry accepts.
//!
//! The header is `u64le N ‖ N bytes`, and the bytes are
//!
//! ```text
//! header   = "{" [ entry *( "," entry ) ] "}" *SPACE
//! entry    = %x22 "__metadata__" %x22 ":" metadata / string ":" tensor
//! metadata = "{" [ string ":" string *( "," string ":" string ) ] "}"
//! tensor   = the members dtype, shape and data_offsets, each once, in any order:
//!            "dtype":string   "shape":[integer,…]   "data_offsets":[integer,integer]
//! string   = %x22 *( %x20-7F except %x22 and "\" ) %x22
//! integer  = "0" / %x31-39 *DIGIT, at most 2^53
//! ```
//!
//! Every such header is JSON, and says to every JSON parser what it says here: nothing is escaped, no
//! key occurs twice, no integer exceeds what a double holds. Work and memory are linear in the header's
//! length, but for sorting the names.

mod error;

pub use error::HeaderError;

use alloc::vec::Vec;

/// Length of the prefix that says how long the JSON is.
pub const PREFIX_LEN: usize = 8;
/// Largest integer in a header, 2^53: what every JSON implementation reads exactly.
pub const INTEGER_MAX: u64 = 1 << 53;
/// Most dimensions of a tensor. An adapter's have two; more are read so that the error says which tensor
/// is wrong, rather than that the header is.
pub const DIMENSIONS_MAX: usize = 8;

const METADATA: &[u8] = b"__metadata__";
/// What PEFT calls the parts of an adapter that the registry doesn't know how to check: a name or a
/// metadata key that contains one of them is refused.
const UNSUPPORTED: [(&[u8], fn(u32) -> HeaderError); 5] = [
    (b"lora_magnitude_vector", |at| HeaderError::Dora { at }),
    (b"use_dora", |at| HeaderError::Dora { at }),
    (b"rank_pattern", |at| HeaderError::RankPattern { at }),
    (b"alpha_pattern", |at| HeaderError::RankPattern { at }),
    (b"modules_to_save", |at| HeaderError::ModulesToSave { at }),
];

/// A tensor's data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dtype {
    /// IEEE 754 binary32.
    F32,
    /// IEEE 754 binary16.
    F16,
    /// The upper half of a binary32.
    Bf16,
}

impl Dtype {
    /// The data type that the registry numbers so: 0, 1 or 2.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::F32),
            1 => Some(Self::F16),
            2 => Some(Self::Bf16),
            _ => None,
        }
    }

    /// Bytes of one element.
    pub const fn size_bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    fn from_name(name: &[u8]) -> Option<Self> {
        match name {
            b"F32" => Some(Self::F32),
            b"F16" => Some(Self::F16),
            b"BF16" => Some(Self::Bf16),
            _ => None,
        }
    }
}

/// A tensor's dimensions, at most [`DIMENSIONS_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shape {
    dimensions: [u64; DIMENSIONS_MAX],
    len: usize,
}

impl Shape {
    /// The dimensions, outermost first.
    pub fn dimensions(&self) -> &[u64] {
        self.dimensions.get(..self.len).unwrap_or_default()
    }

    /// Appends a dimension; `None` if there are [`DIMENSIONS_MAX`].
    fn push(&mut self, dimension: u64) -> Option<()> {
        *self.dimensions.get_mut(self.len)? = dimension;
        self.len = self.len.checked_add(1)?;
        Some(())
    }
}

/// A tensor as the header describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tensor<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// Where the name's opening quote is in the header.
    pub at: u32,
    /// Its data type.
    pub dtype: Dtype,
    /// Its shape.
    pub shape: Shape,
    /// Its first byte in the data section.
    pub begin: u64,
    /// The byte behind its last one; at least `begin`.
    pub end: u64,
}

/// Reads a whole header, length prefix included, into its tensors, ascending by name.
///
/// # Errors
/// [`HeaderError`], for the first offending byte; duplicate names are looked for at the end of their
/// object, the lowest name first.
pub fn parse(header: &[u8]) -> Result<Vec<Tensor<'_>>, HeaderError> {
    let length = header.len();
    let Some((prefix, json)) = header.split_first_chunk::<PREFIX_LEN>() else {
        return Err(HeaderError::TooShort {
            length: offset(length),
        });
    };
    let declared = u64::from_le_bytes(*prefix);
    if declared != json.len() as u64 {
        return Err(HeaderError::LengthMismatch {
            declared,
            actual: json.len() as u64,
        });
    }
    let mut cursor = Cursor {
        bytes: header,
        at: PREFIX_LEN,
    };
    match cursor.peek() {
        None => return Err(HeaderError::Truncated),
        Some(b'{') => {}
        Some(_) => return Err(HeaderError::NotObject),
    }
    let mut tensors = Vec::new();
    let mut metadata_seen = None;
    cursor.object(|cursor, name, at| {
        if name == METADATA {
            if metadata_seen.replace(at).is_some() {
                return Err(HeaderError::DuplicateKey { at });
            }
            cursor.metadata()
        } else {
            refuse_unsupported(name, at)?;
            tensors.push(cursor.tensor(name, at)?);
            Ok(())
        }
    })?;
    cursor.trailing_spaces()?;
    tensors.sort_unstable_by_key(|tensor| (tensor.name, tensor.at));
    refuse_duplicates(&tensors, |tensor| (tensor.name, tensor.at))?;
    Ok(tensors)
}

fn refuse_unsupported(name: &[u8], at: u32) -> Result<(), HeaderError> {
    let mut rest = name;
    while let Some((first, behind)) = rest.split_first() {
        for (part, error) in UNSUPPORTED {
            if part.first() == Some(first) && rest.starts_with(part) {
                return Err(error(at));
            }
        }
        rest = behind;
    }
    Ok(())
}

/// Refuses equal neighbours among `items`, which are in the order of their keys.
fn refuse_duplicates<'a, T>(
    items: &[T],
    key: impl Fn(&T) -> (&'a [u8], u32),
) -> Result<(), HeaderError> {
    for pair in items.windows(2) {
        if let [first, second] = pair {
            let ((first, _), (second, at)) = (key(first), key(second));
            if first == second {
                return Err(HeaderError::DuplicateKey { at });
            }
        }
    }
    Ok(())
}

/// An offset as the errors say it. Headers are far below 4 GiB; a longer input has a wrong length prefix
/// or a wrong offset in an error, and nothing worse.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn here(&self) -> u32 {
        offset(self.at)
    }

    fn advance(&mut self) {
        self.at = self.at.saturating_add(1);
    }

    /// The error of a byte that the grammar doesn't allow here.
    fn unexpected(&self) -> HeaderError {
        let at = self.here();
        match self.peek() {
            None => HeaderError::Truncated,
            Some(b' ' | b'\t' | b'\n' | b'\r') => HeaderError::Whitespace { at },
            Some(0x80..) => HeaderError::NotAscii { at },
            Some(_) => HeaderError::Syntax { at },
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), HeaderError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.advance();
        Ok(())
    }

    /// Whether the next byte, which is then taken, goes on a list (a comma) or ends it (`close`).
    fn list_goes_on(&mut self, close: u8) -> Result<bool, HeaderError> {
        let goes_on = match self.peek() {
            Some(b',') => true,
            Some(byte) if byte == close => false,
            _ => return Err(self.unexpected()),
        };
        self.advance();
        Ok(goes_on)
    }

    /// Takes `close` if the list that was just opened is empty.
    fn list_is_empty(&mut self, close: u8) -> bool {
        let empty = self.peek() == Some(close);
        if empty {
            self.advance();
        }
        empty
    }

    /// An object; `member` reads the value behind each key. Keys aren't compared.
    fn object(
        &mut self,
        mut member: impl FnMut(&mut Self, &'a [u8], u32) -> Result<(), HeaderError>,
    ) -> Result<(), HeaderError> {
        self.expect(b'{')?;
        if self.list_is_empty(b'}') {
            return Ok(());
        }
        loop {
            let at = self.here();
            let key = self.string()?;
            self.expect(b':')?;
            member(self, key, at)?;
            if !self.list_goes_on(b'}')? {
                return Ok(());
            }
        }
    }

    fn string(&mut self) -> Result<&'a [u8], HeaderError> {
        self.expect(b'"')?;
        let begin = self.at;
        loop {
            let at = self.here();
            match self.peek() {
                None => return Err(HeaderError::Truncated),
                Some(b'"') => break,
                Some(b'\\') => return Err(HeaderError::Escape { at }),
                Some(..0x20) => return Err(HeaderError::Control { at }),
                Some(0x80..) => return Err(HeaderError::NotAscii { at }),
                Some(_) => self.advance(),
            }
        }
        let content = self.bytes.get(begin..self.at).unwrap_or_default();
        self.advance();
        Ok(content)
    }

    fn integer(&mut self) -> Result<u64, HeaderError> {
        let (begin, at) = (self.at, self.here());
        match self.peek() {
            Some(b'0'..=b'9') => {}
            Some(b'-' | b'+' | b'.') => return Err(HeaderError::Number { at }),
            _ => return Err(self.unexpected()),
        }
        let mut value = 0u64;
        while let Some(digit @ b'0'..=b'9') = self.peek() {
            // Saturates far above the limit, so that the whole number is taken before it is judged.
            let digit = u64::from(digit & 0x0f);
            value = value.saturating_mul(10).saturating_add(digit);
            self.advance();
        }
        let leading_zero =
            self.bytes.get(begin) == Some(&b'0') && self.at > begin.saturating_add(1);
        if leading_zero || matches!(self.peek(), Some(b'.' | b'e' | b'E')) {
            return Err(HeaderError::Number { at });
        }
        if value > INTEGER_MAX {
            return Err(HeaderError::NumberTooLarge { at });
        }
        Ok(value)
    }

    /// An array of integers, handed one by one to `element`.
    fn integers(
        &mut self,
        mut element: impl FnMut(u64) -> Result<(), HeaderError>,
    ) -> Result<(), HeaderError> {
        self.expect(b'[')?;
        if self.list_is_empty(b']') {
            return Ok(());
        }
        loop {
            element(self.integer()?)?;
            if !self.list_goes_on(b']')? {
                return Ok(());
            }
        }
    }

    fn metadata(&mut self) -> Result<(), HeaderError> {
        let mut keys = Vec::new();
        self.object(|cursor, key, at| {
            refuse_unsupported(key, at)?;
            cursor.string()?;
            keys.push((key, at));
            Ok(())
        })?;
        keys.sort_unstable();
        refuse_duplicates(&keys, |key| *key)
    }

    fn tensor(&mut self, name: &'a [u8], name_at: u32) -> Result<Tensor<'a>, HeaderError> {
        let (mut dtype, mut shape, mut offsets) = (None, None, None);
        self.object(|cursor, key, at| {
            let seen = match key {
                b"dtype" => dtype.replace(cursor.dtype()?).is_some(),
                b"shape" => shape.replace(cursor.shape()?).is_some(),
                b"data_offsets" => offsets.replace(cursor.offsets()?).is_some(),
                _ => return Err(HeaderError::UnknownKey { at }),
            };
            if seen {
                return Err(HeaderError::DuplicateKey { at });
            }
            Ok(())
        })?;
        match (dtype, shape, offsets) {
            (Some(dtype), Some(shape), Some((begin, end))) => Ok(Tensor {
                name,
                at: name_at,
                dtype,
                shape,
                begin,
                end,
            }),
            _ => Err(HeaderError::MissingKey { at: name_at }),
        }
    }

    fn dtype(&mut self) -> Result<Dtype, HeaderError> {
        let at = self.here();
        Dtype::from_name(self.string()?).ok_or(HeaderError::UnknownDtype { at })
    }

    fn shape(&mut self) -> Result<Shape, HeaderError> {
        let at = self.here();
        let mut shape = Shape::default();
        self.integers(|dimension| {
            shape
                .push(dimension)
                .ok_or(HeaderError::TooManyDimensions { at })
        })?;
        Ok(shape)
    }

    fn offsets(&mut self) -> Result<(u64, u64), HeaderError> {
        let at = self.here();
        let mut pair = Shape::default();
        self.integers(|value| pair.push(value).ok_or(HeaderError::BadOffsets { at }))?;
        match pair.dimensions() {
            &[begin, end] if begin <= end => Ok((begin, end)),
            _ => Err(HeaderError::BadOffsets { at }),
        }
    }

    fn trailing_spaces(&mut self) -> Result<(), HeaderError> {
        while let Some(byte) = self.peek() {
            let at = self.here();
            match byte {
                b' ' => self.advance(),
                b'\t' | b'\n' | b'\r' => return Err(HeaderError::Whitespace { at }),
                _ => return Err(HeaderError::Trailing { at }),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
