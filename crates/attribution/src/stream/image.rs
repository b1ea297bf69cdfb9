//! Images, from PNG files: a lossless form, which every decoder reads alike.

use anyhow::{Context, bail, ensure};
use png::{ColorType, Decoder, Limits, Transformations};
use std::io::Cursor;

/// Cells to a side.
const SIDE: usize = 64;
/// Most pixels of an image.
const PIXELS_MAX: u64 = 1 << 27;
/// Most memory that decoding may take beside the pixels, bytes.
const DECODER_BYTES_MAX: usize = 1 << 28;

/// A token for each cell with its right and lower neighbours, row by row.
pub(super) fn tokens(file: &[u8]) -> anyhow::Result<Vec<u32>> {
    let luma = Luma::decode(file)?;
    let mut cells = [[0u32; SIDE]; SIDE];
    for (j, row) in cells.iter_mut().enumerate() {
        for (i, cell) in row.iter_mut().enumerate() {
            *cell = luma.mean(i, j) / 8;
        }
    }
    let pairs = cells.iter().zip(cells.iter().skip(1));
    let tokens = pairs.flat_map(|(row, below)| {
        let right = row.iter().skip(1);
        row.iter()
            .zip(right)
            .zip(below)
            .map(|((cell, right), below)| cell + 32 * right + 1_024 * below)
    });
    Ok(tokens.collect())
}

/// The luma of each pixel, row by row.
#[derive(Debug)]
struct Luma {
    width: usize,
    height: usize,
    values: Vec<u8>,
}

impl Luma {
    /// Decodes a file to 8 bits a sample; of deeper ones the upper byte counts. Alpha is ignored.
    fn decode(file: &[u8]) -> anyhow::Result<Self> {
        let limits = Limits {
            bytes: DECODER_BYTES_MAX,
        };
        let mut decoder = Decoder::new_with_limits(Cursor::new(file), limits);
        decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
        let mut reader = decoder.read_info().context("not a PNG file")?;
        let (width, height) = reader.info().size();
        let pixels = u64::from(width) * u64::from(height);
        ensure!(
            pixels <= PIXELS_MAX,
            "{width} × {height} pixels are more than {PIXELS_MAX}"
        );
        let size = reader
            .output_buffer_size()
            .context("the image is too large for this machine")?;
        let mut samples = vec![0; size];
        let frame = reader
            .next_frame(&mut samples)
            .context("a broken PNG file")?;
        let channels = match frame.color_type {
            ColorType::Grayscale => 1,
            ColorType::GrayscaleAlpha => 2,
            ColorType::Rgb => 3,
            ColorType::Rgba => 4,
            ColorType::Indexed => bail!("the palette wasn't expanded"),
        };
        let values = samples
            .get(..frame.buffer_size())
            .unwrap_or_default()
            .chunks_exact(channels)
            .map(|pixel| match pixel {
                [r, g, b, ..] => luma(*r, *g, *b),
                [grey, ..] => luma(*grey, *grey, *grey),
                [] => 0,
            });
        Ok(Self {
            width: width as usize,
            height: height as usize,
            values: values.collect(),
        })
    }

    /// The mean of a cell's pixels, truncated.
    fn mean(&self, i: usize, j: usize) -> u32 {
        let (mut sum, mut count) = (0u64, 0u64);
        for y in cell_range(j, self.height) {
            let row = self.values.chunks_exact(self.width).nth(y);
            let row = row.unwrap_or_default();
            for value in row.get(cell_range(i, self.width)).unwrap_or_default() {
                sum += u64::from(*value);
                count += 1;
            }
        }
        // A mean of bytes.
        sum.checked_div(count).unwrap_or_default() as u32
    }
}

/// Pixels of cell `i` along a side of `length` pixels: at least one.
fn cell_range(i: usize, length: usize) -> std::ops::Range<usize> {
    let first = i * length / SIDE;
    first..((i + 1) * length / SIDE).max(first + 1)
}

/// `(77·R + 150·G + 29·B + 128) >> 8`.
fn luma(r: u8, g: u8, b: u8) -> u8 {
    let sum = 77 * u32::from(r) + 150 * u32::from(g) + 29 * u32::from(b) + 128;
    // The weights sum to 256.
    (sum >> 8) as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use png::{BitDepth, Encoder};

    fn file(width: u32, height: u32, color: ColorType, samples: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = Encoder::new(&mut file, width, height);
        encoder.set_color(color);
        encoder.set_depth(BitDepth::Eight);
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(samples).unwrap();
        writer.finish().unwrap();
        file
    }

    #[test]
    fn a_cell_has_its_neighbours() {
        // Luma 4·x + y of a 64 × 64 image, wrapped: every cell is a pixel.
        let grey: Vec<u8> = (0..64u32)
            .flat_map(|y| (0..64).map(move |x| (4 * x + y) as u8))
            .collect();
        let of_grey = tokens(&file(64, 64, ColorType::Grayscale, &grey)).unwrap();
        assert_eq!(of_grey.len(), 63 * 63);
        let y = |x: u32, y: u32| ((4 * x + y) as u8 / 8) as u32;
        assert_eq!(of_grey[0], y(0, 0) + 32 * y(1, 0) + 1_024 * y(0, 1));
        assert_eq!(of_grey[63 + 5], y(5, 1) + 32 * y(6, 1) + 1_024 * y(5, 2));
        // The same with colour and alpha channels, and at twice the size.
        let rgba: Vec<u8> = grey.iter().flat_map(|g| [*g, *g, *g, 9]).collect();
        assert_eq!(
            tokens(&file(64, 64, ColorType::Rgba, &rgba)).unwrap(),
            of_grey
        );
        let doubled: Vec<u8> = (0..128usize)
            .flat_map(|y| (0..128usize).map(move |x| (y / 2, x / 2)))
            .map(|(y, x)| grey[64 * y + x])
            .collect();
        assert_eq!(
            tokens(&file(128, 128, ColorType::Grayscale, &doubled)).unwrap(),
            of_grey
        );
    }

    #[test]
    fn small_images_have_cells_too() {
        let one = file(1, 1, ColorType::Rgb, &[255, 0, 0]);
        let cell = u32::from(luma(255, 0, 0)) / 8;
        assert_eq!(luma(255, 0, 0), 77);
        let expected = cell + 32 * cell + 1_024 * cell;
        assert!(tokens(&one).unwrap().iter().all(|token| *token == expected));
        assert_eq!(luma(255, 255, 255), 255);
        assert_eq!(cell_range(63, 3), 2..3);
        assert_eq!(cell_range(0, 130), 0..2);
        assert_eq!(cell_range(63, 130), 127..130);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert!(tokens(b"GIF89a").is_err());
        let mut broken = file(8, 8, ColorType::Grayscale, &[1; 64]);
        broken.truncate(broken.len() / 2);
        assert!(tokens(&broken).is_err());
    }
}
