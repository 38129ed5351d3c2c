//! Reads arrays in NumPy's format `.npy` (NEP 1), versions 1 to 3.
//!
//! Pictures of unsigned bytes are pixels from 0 to 255; those of `f32` or `f64` are inputs that
//! were prepared already. The array is N x H x W, N x C x H x W or N x H x W x C, in C order,
//! lowest byte first. Of four dimensions the second or the last is that of the channels if it is
//! 1 or 3; if both are, the file says too little and is refused. Floats of any other number of
//! channels are N x C x H x W.

mod header;

use std::io::{self, Read};

use thiserror::Error;

use crate::picture::{MAX_SIDE, PictureError, Pixels};
use crate::tensor::{Shape, Tensor, TensorError};
use header::Header;
pub use header::MAX_HEADER_BYTES;

/// Iterates over the pictures of an array; stops after the first error.
///
/// Memory is taken for one picture at a time, and only as far as there are bytes for it.
#[derive(Debug)]
pub struct NpyPictures<R> {
    source: R,
    kind: Kind,
    axes: Axes,
    shape: Shape,
    count: u64,
    header_bytes: u64,
    next: u64,
    failed: bool,
}

/// A picture of an array.
#[derive(Clone, Debug, PartialEq)]
pub enum NpyPicture {
    /// Unsigned bytes.
    Pixels(Pixels),
    /// Floats.
    Tensor(Tensor),
}

impl<R: Read> NpyPictures<R> {
    /// Reads the header of `source`, which is best buffered.
    ///
    /// # Errors
    /// [`NpyError`] when the header is damaged or describes something other than pictures.
    pub fn new(mut source: R) -> Result<Self, NpyError> {
        let (header, header_bytes) = Header::read(&mut source)?;
        let kind = Kind::of(&header.descr)?;
        if header.fortran_order {
            return Err(NpyError::FortranOrder);
        }
        let (count, axes, shape) = pictures(&header.shape, kind)?;
        Ok(Self { source, kind, axes, shape, count, header_bytes, next: 0, failed: false })
    }

    /// Number of pictures that the header promises.
    #[must_use]
    pub const fn promised(&self) -> u64 {
        self.count
    }

    /// Bytes of the whole file that the header promises.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        let each = (self.shape.elements() * self.kind.bytes()) as u64;
        self.header_bytes.saturating_add(self.count.saturating_mul(each))
    }

    /// The size of a picture.
    #[must_use]
    pub const fn shape(&self) -> Shape {
        self.shape
    }

    fn read_picture(&mut self) -> Result<Option<NpyPicture>, NpyError> {
        let (count, picture) = (self.count, self.next);
        let at_end = picture == count;
        let wanted = if at_end { 1 } else { self.shape.elements() * self.kind.bytes() };
        // Grows with what is there: a header may promise anything.
        let mut bytes = Vec::new();
        self.source.by_ref().take(wanted as u64).read_to_end(&mut bytes)?;
        match (at_end, bytes.len()) {
            (true, 0) => return Ok(None),
            (true, _) => return Err(NpyError::Trailing { count }),
            (false, found) if found < wanted => {
                return Err(NpyError::Truncated { count, picture });
            }
            (false, _) => self.next += 1,
        }
        Ok(Some(match self.kind {
            Kind::U8 => NpyPicture::Pixels(self.pixels(bytes)?),
            Kind::F32 => {
                let value = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
                NpyPicture::Tensor(self.tensor(bytes.as_chunks().0.iter().map(value))?)
            }
            Kind::F64 => {
                let value = |bytes: &[u8; 8]| f64::from_le_bytes(*bytes) as f32;
                NpyPicture::Tensor(self.tensor(bytes.as_chunks().0.iter().map(value))?)
            }
        }))
    }

    fn pixels(&self, bytes: Vec<u8>) -> Result<Pixels, PictureError> {
        // Sides of pictures were checked against MAX_SIDE.
        let (width, height) = (self.shape.width() as u32, self.shape.height() as u32);
        if self.shape.channels() == 1 {
            return Pixels::grey(width, height, bytes);
        }
        match self.axes {
            Axes::ChannelsLast => Pixels::rgb(width, height, bytes),
            Axes::ChannelsFirst => {
                Pixels::rgb(width, height, swapped(&bytes, self.shape.plane()).collect())
            }
        }
    }

    fn tensor(&self, values: impl Iterator<Item = f32>) -> Result<Tensor, NpyError> {
        let values: Vec<f32> = values.collect();
        if !values.iter().all(|x| x.is_finite()) {
            return Err(NpyError::NotFinite { picture: self.next - 1 });
        }
        let values = match self.axes {
            Axes::ChannelsFirst => values,
            Axes::ChannelsLast => swapped(&values, self.shape.channels()).collect(),
        };
        Ok(Tensor::new(self.shape, values)?)
    }
}

impl<R: Read> Iterator for NpyPictures<R> {
    type Item = Result<NpyPicture, NpyError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let picture = self.read_picture().transpose();
        self.failed = matches!(picture, None | Some(Err(_)));
        picture
    }
}

/// Why an array was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NpyError {
    /// Reading failed.
    #[error("it could not be read: {0}")]
    Io(#[from] io::Error),
    /// The file is something else.
    #[error("it is no .npy file")]
    Magic,
    /// The version of the format is not known.
    #[error("it is of version {major} of the .npy format; versions 1 to 3 are supported")]
    Version {
        /// The version in the file.
        major: u8,
    },
    /// The file ends inside its header.
    #[error("it ends within its header")]
    TruncatedHeader,
    /// The header is absurdly long.
    #[error("its header has {found} bytes; at most {MAX_HEADER_BYTES} are accepted")]
    LongHeader {
        /// Bytes that the file says the header has.
        found: u32,
    },
    /// The header is not the text that the format prescribes.
    #[error("its header is damaged: {0}")]
    Header(&'static str),
    /// The numbers are of a type that is not supported.
    #[error("its numbers are of type {found:?}; only '|u1', '<f4' and '<f8' are supported")]
    Type {
        /// The type in the header.
        found: String,
    },
    /// The first index runs fastest.
    #[error("it is in Fortran order; save it with numpy.ascontiguousarray")]
    FortranOrder,
    /// The array does not hold pictures.
    #[error(
        "it has the shape {found:?}, but pictures are N x H x W, N x C x H x W or N x H x W x C \
         with 1 or 3 channels C if they are bytes"
    )]
    NotPictures {
        /// The shape in the header.
        found: Vec<u64>,
    },
    /// Two of the axes could be the channels.
    #[error("it has the shape {found:?}, which does not tell whether channels come first or last")]
    Ambiguous {
        /// The shape in the header.
        found: Vec<u64>,
    },
    /// The pictures are too large.
    #[error("it has the shape {found:?}: its pictures are too large")]
    TooLarge {
        /// The shape in the header.
        found: Vec<u64>,
    },
    /// The file ends too early.
    #[error("it promises {count} pictures but ends within picture {picture}")]
    Truncated {
        /// The number in the header.
        count: u64,
        /// Position of the picture that is not whole, from 0.
        picture: u64,
    },
    /// The file goes on after the last picture.
    #[error("it goes on after the {count} pictures that it promises")]
    Trailing {
        /// The number in the header.
        count: u64,
    },
    /// A float is infinite, not a number or too large for single precision.
    #[error("its picture {picture} has values that are not finite in single precision")]
    NotFinite {
        /// Position of the picture, from 0.
        picture: u64,
    },
    /// The pixels make no picture.
    #[error(transparent)]
    Picture(#[from] PictureError),
    /// The values make no feature map.
    #[error(transparent)]
    Tensor(#[from] TensorError),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    U8,
    F32,
    F64,
}

impl Kind {
    fn of(descr: &str) -> Result<Self, NpyError> {
        match descr {
            "|u1" | "<u1" | "u1" => Ok(Self::U8),
            "<f4" => Ok(Self::F32),
            "<f8" => Ok(Self::F64),
            other => Err(NpyError::Type { found: other.chars().take(32).collect() }),
        }
    }

    const fn bytes(self) -> usize {
        match self {
            Self::U8 => 1,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Axes {
    ChannelsFirst,
    ChannelsLast,
}

/// Number of pictures, order of their axes and size of each.
fn pictures(shape: &[u64], kind: Kind) -> Result<(u64, Axes, Shape), NpyError> {
    use Axes::{ChannelsFirst, ChannelsLast};
    let found = || shape.to_vec();
    let colours = |channels: u64| channels == 1 || channels == 3;
    let (count, axes, [channels, height, width]) = match *shape {
        [count, numbers] if kind != Kind::U8 => (count, ChannelsFirst, [numbers, 1, 1]),
        [count, height, width] => (count, ChannelsFirst, [1, height, width]),
        [count, first, second, third] => match (colours(first), colours(third)) {
            (true, true) => return Err(NpyError::Ambiguous { found: found() }),
            (true, false) => (count, ChannelsFirst, [first, second, third]),
            (false, true) => (count, ChannelsLast, [third, first, second]),
            (false, false) if kind == Kind::U8 => {
                return Err(NpyError::NotPictures { found: found() });
            }
            (false, false) => (count, ChannelsFirst, [first, second, third]),
        },
        _ => return Err(NpyError::NotPictures { found: found() }),
    };
    if channels == 0 || height == 0 || width == 0 {
        return Err(NpyError::NotPictures { found: found() });
    }
    let too_large = |_| NpyError::TooLarge { found: found() };
    if height.max(width) > u64::from(MAX_SIDE) {
        return Err(NpyError::TooLarge { found: found() });
    }
    let channels = usize::try_from(channels).map_err(|_| NpyError::TooLarge { found: found() })?;
    let shape = Shape::new(channels, height as usize, width as usize).map_err(too_large)?;
    Ok((count, axes, shape))
}

/// A matrix with rows of `width` as the values of its transpose.
fn swapped<T: Copy>(values: &[T], width: usize) -> impl Iterator<Item = T> {
    (0..width).flat_map(move |column| values[column..].iter().step_by(width).copied())
}

#[cfg(test)]
pub(super) mod tests;
