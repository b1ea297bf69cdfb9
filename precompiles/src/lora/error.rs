//! The pure parts' errors as the registry answers them.

use super::{interface::LoraErrors, safetensors::HeaderError, tensors::TensorError};
use crate::Stop;

impl From<HeaderError> for Stop {
    fn from(error: HeaderError) -> Self {
        match error {
            HeaderError::TooShort { length } => Self::revert(LoraErrors::HeaderTooShort { length }),
            HeaderError::LengthMismatch { declared, actual } => {
                Self::revert(LoraErrors::HeaderLengthMismatch { declared, actual })
            }
            HeaderError::NotObject => Self::revert(LoraErrors::HeaderNotObject {}),
            HeaderError::Truncated => Self::revert(LoraErrors::HeaderTruncated {}),
            HeaderError::NotAscii { at } => Self::revert(LoraErrors::HeaderNotAscii { at }),
            HeaderError::Control { at } => Self::revert(LoraErrors::HeaderControl { at }),
            HeaderError::Escape { at } => Self::revert(LoraErrors::HeaderEscape { at }),
            HeaderError::Whitespace { at } => Self::revert(LoraErrors::HeaderWhitespace { at }),
            HeaderError::Trailing { at } => Self::revert(LoraErrors::HeaderTrailing { at }),
            HeaderError::Syntax { at } => Self::revert(LoraErrors::HeaderSyntax { at }),
            HeaderError::Number { at } => Self::revert(LoraErrors::HeaderNumber { at }),
            HeaderError::NumberTooLarge { at } => {
                Self::revert(LoraErrors::HeaderNumberTooLarge { at })
            }
            HeaderError::DuplicateKey { at } => Self::revert(LoraErrors::HeaderDuplicateKey { at }),
            HeaderError::UnknownKey { at } => Self::revert(LoraErrors::HeaderUnknownKey { at }),
            HeaderError::MissingKey { at } => Self::revert(LoraErrors::HeaderMissingKey { at }),
            HeaderError::UnknownDtype { at } => Self::revert(LoraErrors::HeaderUnknownDtype { at }),
            HeaderError::TooManyDimensions { at } => {
                Self::revert(LoraErrors::HeaderTooManyDimensions { at })
            }
            HeaderError::BadOffsets { at } => Self::revert(LoraErrors::HeaderBadOffsets { at }),
            HeaderError::Dora { at } => Self::revert(LoraErrors::DoraUnsupported { at }),
            HeaderError::RankPattern { at } => {
                Self::revert(LoraErrors::RankPatternUnsupported { at })
            }
            HeaderError::ModulesToSave { at } => {
                Self::revert(LoraErrors::ModulesToSaveUnsupported { at })
            }
        }
    }
}

impl From<TensorError> for Stop {
    fn from(error: TensorError) -> Self {
        match error {
            TensorError::FullWeight { at } => {
                Self::revert(LoraErrors::ModulesToSaveUnsupported { at })
            }
            TensorError::Unexpected { at } => Self::revert(LoraErrors::TensorUnexpected { at }),
            TensorError::Missing {
                layer,
                module,
                factor,
            } => Self::revert(LoraErrors::TensorMissing {
                layer,
                module,
                factor,
            }),
            TensorError::RankPattern { at, .. } => {
                Self::revert(LoraErrors::RankPatternUnsupported { at })
            }
            TensorError::Shape { at, rows, columns } => {
                Self::revert(LoraErrors::TensorShape { at, rows, columns })
            }
            TensorError::Dtype { at } => Self::revert(LoraErrors::TensorDtype { at }),
            TensorError::Size {
                at,
                expected,
                actual,
            } => Self::revert(LoraErrors::TensorSize {
                at,
                expected,
                actual,
            }),
            TensorError::Offset {
                at,
                expected,
                actual,
            } => Self::revert(LoraErrors::TensorOffset {
                at,
                expected,
                actual,
            }),
            TensorError::DataLen { expected, actual } => {
                Self::revert(LoraErrors::DataLenMismatch { expected, actual })
            }
        }
    }
}
