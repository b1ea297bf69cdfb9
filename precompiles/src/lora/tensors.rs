//! Whether a header's tensors are exactly those of an adapter: two low-rank factors for each target
//! module of each target layer, of one rank and one data type, one behind the other.

use super::{
    LAYERS_MAX, MODULES_MAX,
    safetensors::{Dtype, Tensor},
};
use alloc::{vec, vec::Vec};

/// A module that an adapter targets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its number among the base's modules.
    pub module: u8,
    /// Its path within a layer, such as `self_attn.q_proj`.
    pub path: Vec<u8>,
    /// Columns of its weight.
    pub in_dim: u32,
    /// Rows of its weight.
    pub out_dim: u32,
}

/// What an adapter's header must describe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected<'a> {
    /// What precedes the layer's number in every name, such as `base_model.model.model.layers.`.
    pub prefix: &'a [u8],
    /// First target layer.
    pub layer_from: u16,
    /// The layer behind the last target layer.
    pub layer_to: u16,
    /// Target modules, at most [`MODULES_MAX`], with distinct paths.
    pub targets: &'a [Target],
    /// Rank of every factor pair.
    pub rank: u16,
    /// Data type of every tensor.
    pub dtype: Dtype,
    /// Length of the data section, bytes.
    pub data_len: u64,
}

/// Why tensors aren't an adapter's. `at` is where a tensor's name begins in the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TensorError {
    /// A tensor that is no low-rank factor: what PEFT saves for `modules_to_save`.
    #[error("tensor at {at} is no low-rank factor")]
    FullWeight {
        /// Where.
        at: u32,
    },
    /// A tensor that the adapter doesn't declare.
    #[error("tensor at {at} isn't declared")]
    Unexpected {
        /// Where.
        at: u32,
    },
    /// A tensor that is declared and not there.
    #[error("factor {factor} of module {module} in layer {layer} is missing")]
    Missing {
        /// Its layer.
        layer: u16,
        /// Its module.
        module: u8,
        /// 0 for `lora_A`, 1 for `lora_B`.
        factor: u8,
    },
    /// A rank other than the declared one, though others have that.
    #[error("tensor at {at} has rank {rank}, others another: a rank pattern")]
    RankPattern {
        /// Where.
        at: u32,
        /// Its rank.
        rank: u64,
    },
    /// A shape that isn't the declared one.
    #[error("tensor at {at} hasn't the shape [{rows}, {columns}]")]
    Shape {
        /// Where.
        at: u32,
        /// Rows that it should have.
        rows: u32,
        /// Columns that it should have.
        columns: u32,
    },
    /// A data type that isn't the declared one.
    #[error("tensor at {at} hasn't the declared data type")]
    Dtype {
        /// Where.
        at: u32,
    },
    /// A range that isn't as long as shape and data type say.
    #[error("tensor at {at} has {actual} bytes, its shape {expected}")]
    Size {
        /// Where.
        at: u32,
        /// What shape and data type say.
        expected: u64,
        /// Length of its range.
        actual: u64,
    },
    /// A gap or an overlap: the tensor doesn't begin where the one before it ends.
    #[error("tensor at {at} begins at {actual}, not at {expected}")]
    Offset {
        /// Where.
        at: u32,
        /// Where the tensor before it ends.
        expected: u64,
        /// Where it begins.
        actual: u64,
    },
    /// The tensors don't end where the data does.
    #[error("tensors end at {actual}, the data at {expected}")]
    DataLen {
        /// The declared length of the data.
        expected: u64,
        /// Where the last tensor ends.
        actual: u64,
    },
}

/// One of a pair's two factors, the delta of a weight being `B·A`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Factor {
    A,
    B,
}

const SUFFIX_A: &[u8] = b".lora_A.weight";
const SUFFIX_B: &[u8] = b".lora_B.weight";
/// Every factor's name contains it, and no full weight's.
const LORA_INFIX: &[u8] = b".lora_";
const FACTORS: usize = 2;
/// Every slot's number fits `u32`.
const _: () = assert!(LAYERS_MAX as usize * MODULES_MAX * FACTORS <= u32::MAX as usize);

/// A tensor with its place among the expected ones.
struct Placed<'t, 'a, 'e> {
    tensor: &'t Tensor<'a>,
    target: &'e Target,
    factor: Factor,
}

/// Checks `tensors`, ascending by name, against what is expected: the set, then each tensor's shape, its
/// data type and its size in the order of names, then the ranges in the order of offsets.
///
/// # Errors
/// [`TensorError`], the first in that order.
pub fn check(tensors: &[Tensor<'_>], expected: &Expected<'_>) -> Result<(), TensorError> {
    let placed = place(tensors, expected)?;
    for Placed {
        tensor,
        target,
        factor,
    } in &placed
    {
        let (rows, columns) = dimensions(target, *factor, expected.rank);
        if tensor.shape.dimensions() != [u64::from(rows), u64::from(columns)] {
            return Err(
                rank_pattern(&placed, expected.rank).unwrap_or(TensorError::Shape {
                    at: tensor.at,
                    rows,
                    columns,
                }),
            );
        }
        if tensor.dtype != expected.dtype {
            return Err(TensorError::Dtype { at: tensor.at });
        }
        let size = u64::from(rows)
            .saturating_mul(u64::from(columns))
            .saturating_mul(expected.dtype.size_bytes());
        let actual = tensor.end.saturating_sub(tensor.begin);
        if actual != size {
            return Err(TensorError::Size {
                at: tensor.at,
                expected: size,
                actual,
            });
        }
    }
    check_ranges(tensors, expected.data_len)
}

/// Finds each tensor's place; every place must be taken, and no tensor may be left over.
fn place<'t, 'a, 'e>(
    tensors: &'t [Tensor<'a>],
    expected: &'e Expected<'_>,
) -> Result<Vec<Placed<'t, 'a, 'e>>, TensorError> {
    let layers = usize::from(expected.layer_to.saturating_sub(expected.layer_from));
    let places = layers
        .saturating_mul(expected.targets.len())
        .saturating_mul(FACTORS);
    let mut taken = vec![false; places];
    let mut placed = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let at = tensor.at;
        let (layer, index, factor) = split_name(tensor.name, expected).ok_or_else(|| {
            let is_factor = tensor
                .name
                .windows(LORA_INFIX.len())
                .any(|part| part == LORA_INFIX);
            if is_factor {
                TensorError::Unexpected { at }
            } else {
                TensorError::FullWeight { at }
            }
        })?;
        let place = usize::from(layer.saturating_sub(expected.layer_from))
            .saturating_mul(expected.targets.len())
            .saturating_add(index)
            .saturating_mul(FACTORS)
            .saturating_add(usize::from(factor == Factor::B));
        // Names are distinct and so are paths, so that no two tensors have one place.
        let (Some(taken), Some(target)) = (taken.get_mut(place), expected.targets.get(index))
        else {
            return Err(TensorError::Unexpected { at });
        };
        *taken = true;
        placed.push(Placed {
            tensor,
            target,
            factor,
        });
    }
    match taken.iter().position(|taken| !taken) {
        Some(place) => Err(missing(place, expected)),
        None => Ok(placed),
    }
}

fn missing(place: usize, expected: &Expected<'_>) -> TensorError {
    let pair = place.wrapping_div(FACTORS);
    let targets = expected.targets.len();
    let layer = pair.checked_div(targets).unwrap_or_default();
    let index = pair.checked_rem(targets).unwrap_or_default();
    TensorError::Missing {
        layer: expected
            .layer_from
            .saturating_add(u16::try_from(layer).unwrap_or(u16::MAX)),
        module: expected
            .targets
            .get(index)
            .map_or(0, |target| target.module),
        factor: u8::from(place % FACTORS == 1),
    }
}

/// `{prefix}{layer}.{path}.lora_{A,B}.weight` as layer, number of the target, factor; `None` for any
/// other name.
fn split_name(name: &[u8], expected: &Expected<'_>) -> Option<(u16, usize, Factor)> {
    let rest = name.strip_prefix(expected.prefix)?;
    let digits = rest.iter().position(|byte| *byte == b'.')?;
    let (layer, rest) = rest.split_at_checked(digits)?;
    let layer = decimal(layer)?;
    if !(expected.layer_from..expected.layer_to).contains(&layer) {
        return None;
    }
    let rest = rest.strip_prefix(b".")?;
    let (path, factor) = match rest.strip_suffix(SUFFIX_A) {
        Some(path) => (path, Factor::A),
        None => (rest.strip_suffix(SUFFIX_B)?, Factor::B),
    };
    let index = expected
        .targets
        .iter()
        .position(|target| target.path == path)?;
    Some((layer, index, factor))
}

/// A layer's number: digits without leading zero.
fn decimal(digits: &[u8]) -> Option<u16> {
    if digits.is_empty() || (digits.len() > 1 && digits.first() == Some(&b'0')) {
        return None;
    }
    digits.iter().try_fold(0u16, |value, byte| {
        if !byte.is_ascii_digit() {
            return None;
        }
        let digit = u16::from(byte & 0x0f);
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Rows and columns of a factor: A is `[rank, in]`, B is `[out, rank]`.
fn dimensions(target: &Target, factor: Factor, rank: u16) -> (u32, u32) {
    match factor {
        Factor::A => (u32::from(rank), target.in_dim),
        Factor::B => (target.out_dim, u32::from(rank)),
    }
}

/// The rank of a tensor whose other dimension is the module's; `None` if that isn't.
fn rank_of(placed: &Placed<'_, '_, '_>) -> Option<u64> {
    let Placed {
        tensor,
        target,
        factor,
    } = placed;
    match (factor, tensor.shape.dimensions()) {
        (Factor::A, &[rank, columns]) if columns == u64::from(target.in_dim) => Some(rank),
        (Factor::B, &[rows, rank]) if rows == u64::from(target.out_dim) => Some(rank),
        _ => None,
    }
}

/// The error of ranks that differ among tensors which are otherwise right; `None` if all that is wrong
/// is the declared rank, or a dimension of a module.
fn rank_pattern(placed: &[Placed<'_, '_, '_>], declared: u16) -> Option<TensorError> {
    let mut other = None;
    for placed in placed {
        let rank = rank_of(placed)?;
        if rank != u64::from(declared) && other.is_none() {
            other = Some((placed.tensor.at, rank));
        }
    }
    let (at, rank) = other?;
    placed
        .iter()
        .any(|placed| rank_of(placed) != Some(rank))
        .then_some(TensorError::RankPattern { at, rank })
}

/// The ranges, in order, fill the data section without gap or overlap.
fn check_ranges(tensors: &[Tensor<'_>], data_len: u64) -> Result<(), TensorError> {
    let mut ranges: Vec<_> = tensors
        .iter()
        .map(|tensor| (tensor.begin, tensor.end, tensor.at))
        .collect();
    ranges.sort_unstable();
    let mut end_before = 0;
    for (begin, end, at) in ranges {
        if begin != end_before {
            return Err(TensorError::Offset {
                at,
                expected: end_before,
                actual: begin,
            });
        }
        end_before = end;
    }
    if end_before != data_len {
        return Err(TensorError::DataLen {
            expected: data_len,
            actual: end_before,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
