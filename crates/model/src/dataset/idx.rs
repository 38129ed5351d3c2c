//! Reads the IDX format of MNIST (LeCun, Cortes and Burges 1998).
//!
//! A file is two zero bytes, the type of its numbers (8: unsigned bytes), the number of
//! dimensions, each dimension as 32 bits with the highest byte first, and then the numbers.
//! Images have three dimensions (pictures, rows, columns), labels one.

use std::io::{self, Read};

use thiserror::Error;

use crate::picture::{MAX_SIDE, Pixels};
use crate::tensor::MAX_ELEMENTS;

/// The code of unsigned bytes.
const UNSIGNED_BYTES: u8 = 0x08;

/// Iterates over the pictures of a file; stops after the first error.
///
/// Memory is taken for one picture at a time, and only as far as there are bytes for it.
#[derive(Debug)]
pub struct IdxImages<R> {
    items: Items<R>,
    height: u32,
    width: u32,
}

impl<R: Read> IdxImages<R> {
    /// Reads the head of `source`, which is best buffered.
    ///
    /// # Errors
    /// [`IdxError`] when the head is not that of pictures, or of too large ones.
    pub fn new(mut source: R) -> Result<Self, IdxError> {
        let [count, height, width] = head(&mut source)?;
        let elements = u64::from(height) * u64::from(width);
        if height.max(width) > MAX_SIDE || elements > MAX_ELEMENTS as u64 {
            return Err(IdxError::TooLarge { height, width });
        }
        if elements == 0 {
            return Err(IdxError::NoPixels);
        }
        // MAX_ELEMENTS fits.
        let each = elements as usize;
        Ok(Self { items: Items { source, each, count, next: 0, failed: false }, height, width })
    }

    /// Number of pictures that the head promises.
    #[must_use]
    pub const fn promised(&self) -> u32 {
        self.items.count
    }

    /// Bytes of the whole file that the head promises.
    #[must_use]
    pub const fn file_bytes(&self) -> u64 {
        16 + self.items.count as u64 * self.items.each as u64
    }
}

impl<R: Read> Iterator for IdxImages<R> {
    type Item = Result<Pixels, IdxError>;

    fn next(&mut self) -> Option<Self::Item> {
        let picture = |values| {
            // The size was checked, and as many bytes were read.
            Pixels::grey(self.width, self.height, values).map_err(|_| IdxError::NoPixels)
        };
        Some(self.items.next()?.and_then(picture))
    }
}

/// Iterates over the labels of a file; stops after the first error.
#[derive(Debug)]
pub struct IdxLabels<R>(Items<R>);

impl<R: Read> IdxLabels<R> {
    /// Reads the head of `source`, which is best buffered.
    ///
    /// # Errors
    /// [`IdxError`] when the head is not that of labels.
    pub fn new(mut source: R) -> Result<Self, IdxError> {
        let [count] = head(&mut source)?;
        Ok(Self(Items { source, each: 1, count, next: 0, failed: false }))
    }

    /// Number of labels that the head promises.
    #[must_use]
    pub const fn promised(&self) -> u32 {
        self.0.count
    }
}

impl<R: Read> Iterator for IdxLabels<R> {
    type Item = Result<usize, IdxError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map(|label| label.into_iter().map(usize::from).sum()))
    }
}

/// Why an IDX file was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IdxError {
    /// Reading or unpacking failed.
    #[error("it could not be read: {0}")]
    Io(#[from] io::Error),
    /// The file ends inside its head.
    #[error("it ends within the head of an IDX file")]
    TruncatedHead,
    /// The file is something else.
    #[error("it is no IDX file: it begins with {found:02x?}")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// The numbers are not unsigned bytes.
    #[error("its numbers have the IDX type {found:#04x}; only unsigned bytes (0x08) are supported")]
    Type {
        /// The code of the type.
        found: u8,
    },
    /// There are too many or too few dimensions.
    #[error("it has {found} dimensions, but should have {expected}")]
    Dimensions {
        /// Three for pictures, one for labels.
        expected: usize,
        /// The number in the file.
        found: u8,
    },
    /// Pictures are too large.
    #[error("its pictures have {height} rows and {width} columns, which is too large")]
    TooLarge {
        /// Rows of a picture.
        height: u32,
        /// Columns of a picture.
        width: u32,
    },
    /// Pictures have no rows or no columns.
    #[error("its pictures have no pixels")]
    NoPixels,
    /// The file ends too early.
    #[error("it promises {count} items but ends within item {item}")]
    Truncated {
        /// The number in the head.
        count: u32,
        /// Position of the item that is not whole, from 0.
        item: u32,
    },
    /// The file goes on after the last item.
    #[error("it goes on after the {count} items that it promises")]
    Trailing {
        /// The number in the head.
        count: u32,
    },
}

#[derive(Debug)]
struct Items<R> {
    source: R,
    /// Bytes of an item.
    each: usize,
    count: u32,
    next: u32,
    failed: bool,
}

impl<R: Read> Items<R> {
    fn read_item(&mut self) -> Result<Option<Vec<u8>>, IdxError> {
        let count = self.count;
        // Grows with what is there: a head may promise anything.
        let mut bytes = Vec::new();
        let wanted = if self.next == count { 1 } else { self.each };
        self.source.by_ref().take(wanted as u64).read_to_end(&mut bytes)?;
        match (self.next == count, bytes.len()) {
            (true, 0) => Ok(None),
            (true, _) => Err(IdxError::Trailing { count }),
            (false, found) if found < wanted => Err(IdxError::Truncated { count, item: self.next }),
            (false, _) => {
                self.next += 1;
                Ok(Some(bytes))
            }
        }
    }
}

impl<R: Read> Iterator for Items<R> {
    type Item = Result<Vec<u8>, IdxError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let item = self.read_item().transpose();
        self.failed = matches!(item, None | Some(Err(_)));
        item
    }
}

/// The dimensions.
fn head<const N: usize>(source: &mut impl Read) -> Result<[u32; N], IdxError> {
    let found = word(source)?;
    let [0, 0, kind, dimensions] = found else { return Err(IdxError::Magic { found }) };
    if kind != UNSIGNED_BYTES {
        return Err(IdxError::Type { found: kind });
    }
    if usize::from(dimensions) != N {
        return Err(IdxError::Dimensions { expected: N, found: dimensions });
    }
    let mut sides = [0; N];
    for side in &mut sides {
        *side = u32::from_be_bytes(word(source)?);
    }
    Ok(sides)
}

fn word(source: &mut impl Read) -> Result<[u8; 4], IdxError> {
    let mut bytes = [0; 4];
    source.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => IdxError::TruncatedHead,
        _ => IdxError::Io(error),
    })?;
    Ok(bytes)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::dataset) fn images(sides: [u32; 3], values: &[u8]) -> Vec<u8> {
        let sides = sides.into_iter().flat_map(u32::to_be_bytes);
        [0, 0, 8, 3].into_iter().chain(sides).chain(values.iter().copied()).collect()
    }

    pub(in crate::dataset) fn labels(count: u32, values: &[u8]) -> Vec<u8> {
        [&[0, 0, 8, 1][..], &count.to_be_bytes(), values].concat()
    }

    fn read(bytes: &[u8]) -> Result<Vec<Pixels>, IdxError> {
        IdxImages::new(bytes)?.collect()
    }

    #[test]
    fn pictures_and_labels_are_read_in_order() {
        let bytes = images([2, 2, 3], &(0..12).collect::<Vec<_>>());
        let pictures = read(&bytes).unwrap();
        assert_eq!(pictures.len(), 2);
        assert_eq!(pictures[1], Pixels::grey(3, 2, (6..12).collect()).unwrap());
        assert_eq!(IdxImages::new(&bytes[..]).unwrap().file_bytes(), bytes.len() as u64);
        let bytes = labels(3, &[7, 0, 255]);
        let found: Result<Vec<_>, _> = IdxLabels::new(&bytes[..]).unwrap().collect();
        assert_eq!(found.unwrap(), [7, 0, 255]);
    }

    #[test]
    fn hostile_files_are_refused() {
        let good = images([2, 2, 2], &[1; 8]);
        let with = |at: usize, byte| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        let cases: [(Vec<u8>, &str); 19] = [
            (vec![], "ends within the head"),
            (good[..3].to_vec(), "ends within the head"),
            (good[..4].to_vec(), "ends within the head"),
            (good[..15].to_vec(), "ends within the head"),
            (good[..16].to_vec(), "promises 2 items but ends within item 0"),
            (good[..19].to_vec(), "promises 2 items but ends within item 0"),
            (good[..20].to_vec(), "promises 2 items but ends within item 1"),
            (good[..23].to_vec(), "promises 2 items but ends within item 1"),
            ([&good[..], &[0]].concat(), "goes on after the 2 items"),
            (with(7, 1), "goes on after the 1 items"),
            (with(0, 1), "begins with [01, 00, 08, 03]"),
            (b"\x93NUMPY\x01\0".to_vec(), "no IDX file"),
            (with(2, 0x0d), "IDX type 0x0d"),
            (with(3, 1), "has 1 dimensions, but should have 3"),
            (with(3, 255), "has 255 dimensions"),
            (images([1, 0, 5], &[]), "no pixels"),
            (images([u32::MAX, u32::MAX, u32::MAX], &[1; 8]), "too large"),
            (images([1, 12_000, 12_000], &[1; 8]), "too large"),
            (images([u32::MAX, 4096, 4096], &[1; 8]), "promises 4294967295 items but ends"),
        ];
        for (bytes, expected) in cases {
            let refused = read(&bytes).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused:?} lacks {expected:?}");
        }
        let refused = IdxLabels::new(&good[..]).unwrap_err();
        assert!(matches!(refused, IdxError::Dimensions { expected: 1, found: 3 }));
        let short = labels(3, &[1, 2]);
        let refused = IdxLabels::new(&short[..]).unwrap().last().unwrap();
        assert!(matches!(refused, Err(IdxError::Truncated { count: 3, item: 2 })));
    }

    #[test]
    fn an_empty_file_of_pictures_has_none() {
        assert_eq!(read(&images([0, 28, 28], &[])).unwrap(), []);
    }
}
