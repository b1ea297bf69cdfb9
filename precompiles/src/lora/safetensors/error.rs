/// Why a header isn't one. `at` is a byte's offset from the beginning of the header, the length prefix
/// included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Shorter than the length prefix.
    #[error("header has {length} bytes, less than its length prefix")]
    TooShort {
        /// Bytes that there are.
        length: u32,
    },
    /// The length prefix doesn't say how many bytes follow.
    #[error("header declares {declared} bytes of JSON and has {actual}")]
    LengthMismatch {
        /// What the prefix says.
        declared: u64,
        /// Bytes that follow it.
        actual: u64,
    },
    /// The JSON doesn't begin with `{`.
    #[error("header is no object")]
    NotObject,
    /// The JSON ends too soon.
    #[error("header ends within a value")]
    Truncated,
    /// A byte above 0x7F.
    #[error("byte {at} isn't ASCII")]
    NotAscii {
        /// Where.
        at: u32,
    },
    /// A control character in a string.
    #[error("control character at {at}")]
    Control {
        /// Where.
        at: u32,
    },
    /// A backslash in a string.
    #[error("escape at {at}")]
    Escape {
        /// Where.
        at: u32,
    },
    /// White space outside strings, other than spaces behind the object.
    #[error("white space at {at}")]
    Whitespace {
        /// Where.
        at: u32,
    },
    /// Something other than spaces behind the object.
    #[error("byte {at} is behind the object")]
    Trailing {
        /// Where.
        at: u32,
    },
    /// A byte that the grammar doesn't allow there, and no other error names.
    #[error("unexpected byte at {at}")]
    Syntax {
        /// Where.
        at: u32,
    },
    /// A number with a sign, a leading zero, a fraction or an exponent.
    #[error("number at {at} isn't a plain integer")]
    Number {
        /// Where it begins.
        at: u32,
    },
    /// An integer above [`INTEGER_MAX`](super::INTEGER_MAX).
    #[error("integer at {at} is above 2^53")]
    NumberTooLarge {
        /// Where it begins.
        at: u32,
    },
    /// A key that its object has already.
    #[error("key at {at} occurs before")]
    DuplicateKey {
        /// Where the later one begins.
        at: u32,
    },
    /// A tensor's member that is none of the three.
    #[error("tensor member at {at} is unknown")]
    UnknownKey {
        /// Where it begins.
        at: u32,
    },
    /// A tensor without one of its three members.
    #[error("tensor at {at} lacks dtype, shape or data_offsets")]
    MissingKey {
        /// Where its name begins.
        at: u32,
    },
    /// A data type that adapters don't have.
    #[error("data type at {at} isn't F32, F16 or BF16")]
    UnknownDtype {
        /// Where it begins.
        at: u32,
    },
    /// More than [`DIMENSIONS_MAX`](super::DIMENSIONS_MAX) dimensions.
    #[error("shape at {at} has too many dimensions")]
    TooManyDimensions {
        /// Where it begins.
        at: u32,
    },
    /// Offsets that aren't two integers, the first at most the second.
    #[error("data_offsets at {at} aren't a range")]
    BadOffsets {
        /// Where they begin.
        at: u32,
    },
    /// A name of DoRA's: its magnitude vectors aren't supported.
    #[error("name at {at} is DoRA's")]
    Dora {
        /// Where it begins.
        at: u32,
    },
    /// A name of a rank or alpha pattern's: every module has the adapter's rank and alpha.
    #[error("name at {at} is of a rank or alpha pattern")]
    RankPattern {
        /// Where it begins.
        at: u32,
    },
    /// A name of `modules_to_save`: an adapter holds nothing but low-rank factors.
    #[error("name at {at} is of modules_to_save")]
    ModulesToSave {
        /// Where it begins.
        at: u32,
    },
}
