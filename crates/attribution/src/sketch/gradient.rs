//! A gradient in a safetensors file, as the fixed-point values that are projected.

use anyhow::{Context, bail, ensure};
use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use std::{fs, path::Path};

/// Longest file that is read, bytes.
const FILE_BYTES_MAX: u64 = 16 << 30;
/// Values that are converted at once.
const PART_LEN: usize = 1 << 14;

/// A gradient's file, whole in memory and found to be readable.
#[derive(Debug)]
pub struct Gradient {
    bytes: Vec<u8>,
}

impl Gradient {
    /// Reads a file.
    ///
    /// # Errors
    /// A file that can't be read, is too long or isn't safetensors.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let length = fs::metadata(path)?.len();
        ensure!(
            length <= FILE_BYTES_MAX,
            "{length} bytes are more than {FILE_BYTES_MAX}"
        );
        Self::new(fs::read(path)?)
    }

    /// Of a single tensor with these values.
    ///
    /// # Errors
    /// None that values could cause.
    pub fn of_values(values: &[f32]) -> anyhow::Result<Self> {
        let data: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let tensor = TensorView::new(Dtype::F32, vec![values.len()], &data)?;
        Self::new(safetensors::serialize([("gradient", tensor)], None)?)
    }

    /// Takes a safetensors file's bytes.
    ///
    /// # Errors
    /// Bytes that aren't a safetensors file.
    pub fn new(bytes: Vec<u8>) -> anyhow::Result<Self> {
        SafeTensors::deserialize(&bytes).context("not a safetensors file")?;
        Ok(Self { bytes })
    }

    /// Hands on the fixed-point values `clamp_i32(round_half_even(value · factor · 2^frac_bits))`, part by
    /// part: tensors in the byte order of their names, each row-major. Arithmetic is that of IEEE 754
    /// doubles, the factor multiplied first.
    pub(super) fn for_each_part<E>(
        &self,
        factor: f64,
        frac_bits: i8,
        mut take: impl FnMut(&[i32]) -> Result<(), E>,
    ) -> anyhow::Result<()>
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let file = SafeTensors::deserialize(&self.bytes)?;
        let mut names = file.names();
        names.sort_unstable();
        let scale = f64::from(frac_bits).exp2();
        let mut part = Vec::with_capacity(PART_LEN);
        for name in names {
            let tensor = file.tensor(name)?;
            let (size, decode) = decoder(&tensor).with_context(|| format!("tensor {name}"))?;
            for bytes in tensor.data().chunks(PART_LEN * size) {
                part.clear();
                for value in bytes.chunks_exact(size) {
                    let value = decode(value);
                    ensure!(
                        value.is_finite(),
                        "tensor {name} has a value that isn't finite"
                    );
                    // The conversion saturates.
                    part.push((value * factor * scale).round_ties_even() as i32);
                }
                take(&part)?;
            }
        }
        Ok(())
    }
}

/// How long a value is in a tensor, and how it is read.
fn decoder(tensor: &TensorView<'_>) -> anyhow::Result<(usize, fn(&[u8]) -> f64)> {
    Ok(match tensor.dtype() {
        Dtype::F64 => (8, |bytes| {
            f64::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default())
        }),
        Dtype::F32 => (4, |bytes| {
            f64::from(f32::from_le_bytes(
                bytes.first_chunk().copied().unwrap_or_default(),
            ))
        }),
        Dtype::BF16 => (2, |bytes| {
            let bits = u16::from_le_bytes(bytes.first_chunk().copied().unwrap_or_default());
            f64::from(f32::from_bits(u32::from(bits) << 16))
        }),
        Dtype::F16 => (2, |bytes| {
            half(u16::from_le_bytes(
                bytes.first_chunk().copied().unwrap_or_default(),
            ))
        }),
        other => bail!("data type {other:?} isn't F64, F32, F16 or BF16"),
    })
}

/// The value of an IEEE 754 binary16.
fn half(bits: u16) -> f64 {
    let exponent = i32::from(bits >> 10 & 0x1f);
    let fraction = f64::from(bits & 0x3ff);
    let magnitude = match exponent {
        0 => fraction * (-24f64).exp2(),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (fraction + 1024.0) * f64::from(exponent - 25).exp2(),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::HashMap, convert::Infallible};

    #[test]
    fn halves_have_their_values() {
        for (bits, value) in [
            (0x0000, 0.0),
            (0x3c00, 1.0),
            (0xc000, -2.0),
            (0x3555, 0.333_251_953_125),
            (0x7bff, 65_504.0),
            (0x0001, 5.960_464_477_539_063e-8),
            (0x0400, 6.103_515_625e-5),
            (0x03ff, 6.097_555_160_522_461e-5),
            (0x7c00, f64::INFINITY),
            (0xfc00, f64::NEG_INFINITY),
        ] {
            assert_eq!(half(bits), value, "{bits:#06x}");
        }
        assert!(half(0x7c01).is_nan());
    }

    fn values(gradient: &Gradient, factor: f64, frac_bits: i8) -> anyhow::Result<Vec<i32>> {
        let mut values = Vec::new();
        gradient.for_each_part(factor, frac_bits, |part| {
            values.extend_from_slice(part);
            Ok::<_, Infallible>(())
        })?;
        Ok(values)
    }

    fn file(tensors: &[(&str, Dtype, Vec<u8>)]) -> Gradient {
        let views = tensors.iter().map(|(name, dtype, data)| {
            let len = data.len() * 8 / dtype.bitsize();
            (name, TensorView::new(*dtype, vec![len], data).unwrap())
        });
        let file = safetensors::serialize(views, Some(HashMap::new())).unwrap();
        Gradient::new(file).unwrap()
    }

    #[test]
    fn tensors_come_by_name_and_values_round_to_even() {
        let f32s = |values: &[f32]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let f64s = |values: &[f64]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let u16s = |values: &[u16]| values.iter().flat_map(|v| v.to_le_bytes()).collect();
        let gradient = file(&[
            ("b", Dtype::F32, f32s(&[0.5, 1.5, -0.5, 1e30, -1e30])),
            ("a", Dtype::BF16, u16s(&[0x3f80, 0xc000])),
            ("B", Dtype::F64, f64s(&[2.25])),
            ("ab", Dtype::F16, u16s(&[0x3c00])),
        ]);
        let all = values(&gradient, 1.0, 0).unwrap();
        assert_eq!(all, [2, 1, -2, 1, 0, 2, 0, i32::MAX, i32::MIN]);
        assert_eq!(values(&gradient, 1.0, 2).unwrap()[..5], [9, 4, -8, 4, 2]);
        assert_eq!(values(&gradient, 0.5, 1).unwrap(), all);
        assert_eq!(values(&gradient, 1.0, -1).unwrap()[..4], [1, 0, -1, 0]);
    }

    #[test]
    fn what_has_no_value_is_refused() {
        let nan = file(&[("a", Dtype::F32, f32::NAN.to_le_bytes().to_vec())]);
        assert!(
            values(&nan, 1.0, 0)
                .unwrap_err()
                .to_string()
                .contains("tensor a")
        );
        let integers = file(&[("a", Dtype::I32, vec![0; 4])]);
        assert!(values(&integers, 1.0, 0).is_err());
        assert!(Gradient::new(vec![1, 2, 3]).is_err());
    }
}
