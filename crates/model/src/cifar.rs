//! Reads the binary version of CIFAR-10 (Krizhevsky 2009).
//!
//! A record is one label byte, then three planes of 32 x 32 bytes: red, green, blue.

use std::io::{self, Read};

use thiserror::Error;

use crate::classes::ClassIndex;
use crate::picture::{PLANE, Picture32};

/// Bytes of one record.
pub const RECORD_BYTES: usize = 1 + 3 * PLANE;

/// A labelled picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CifarRecord {
    /// The class that the data set gives.
    pub label: ClassIndex,
    /// The picture.
    pub picture: Picture32,
}

/// Iterates over the records of a file; stops after the first error.
#[derive(Debug)]
pub struct CifarReader<R> {
    source: R,
    next: usize,
    failed: bool,
}

impl<R: Read> CifarReader<R> {
    /// Reads records from `source`, which is best buffered.
    pub const fn new(source: R) -> Self {
        Self { source, next: 0, failed: false }
    }

    fn read_record(&mut self) -> Result<Option<CifarRecord>, CifarError> {
        let mut bytes = Vec::with_capacity(RECORD_BYTES);
        let mut one_record = self.source.by_ref().take(RECORD_BYTES as u64);
        let read = one_record.read_to_end(&mut bytes).map_err(CifarError::Io)?;
        if read == 0 {
            return Ok(None);
        }
        let (&[label], planes) = bytes.split_first_chunk().expect("at least one byte was read");
        let Ok(planes) = planes.try_into() else {
            return Err(CifarError::Truncated { record: self.next, found: read });
        };
        let Some(class) = ClassIndex::new(label) else {
            return Err(CifarError::BadLabel { record: self.next, label });
        };
        self.next += 1;
        Ok(Some(CifarRecord { label: class, picture: Picture32::from_planes(planes) }))
    }
}

impl<R: Read> Iterator for CifarReader<R> {
    type Item = Result<CifarRecord, CifarError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let record = self.read_record().transpose();
        self.failed = matches!(record, None | Some(Err(_)));
        record
    }
}

/// Why a record could not be read.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CifarError {
    /// Reading failed.
    #[error("the CIFAR-10 file could not be read: {0}")]
    Io(#[source] io::Error),
    /// The file ends inside a record.
    #[error("record {record} has {found} bytes instead of {RECORD_BYTES}: the file is truncated")]
    Truncated {
        /// Position of the record, from 0.
        record: usize,
        /// Bytes found of it.
        found: usize,
    },
    /// The label is no class.
    #[error("record {record} has label {label}, but labels are 0 to 9")]
    BadLabel {
        /// Position of the record, from 0.
        record: usize,
        /// The label byte.
        label: u8,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Vec<u8> {
        let record = |label: u8| {
            let planes = (0..3 * PLANE).map(move |i| (i % 251) as u8);
            std::iter::once(label).chain(planes)
        };
        record(3).chain(record(9)).collect()
    }

    #[test]
    fn planes_become_pixels() {
        let records: Result<Vec<_>, _> = CifarReader::new(&file()[..]).collect();
        let records = records.unwrap();
        assert_eq!(records.iter().map(|r| r.label.index()).collect::<Vec<_>>(), [3, 9]);
        let expected = [5, PLANE + 5, 2 * PLANE + 5].map(|i| (i % 251) as u8);
        assert_eq!(records[1].picture.rgb()[15..18], expected);
    }

    #[test]
    fn an_empty_file_has_no_records() {
        assert!(CifarReader::new(&[][..]).next().is_none());
    }

    #[test]
    fn truncation_is_an_error_after_the_whole_records() {
        for missing in [1, 100, RECORD_BYTES - 1] {
            let bytes = &file()[..2 * RECORD_BYTES - missing];
            let mut reader = CifarReader::new(bytes);
            assert!(reader.next().unwrap().is_ok());
            let found = RECORD_BYTES - missing;
            assert!(matches!(
                reader.next(),
                Some(Err(CifarError::Truncated { record: 1, found: f })) if f == found
            ));
            assert!(reader.next().is_none());
        }
    }

    #[test]
    fn labels_end_at_nine() {
        let mut bytes = file();
        bytes[RECORD_BYTES] = 10;
        let last = CifarReader::new(&bytes[..]).last().unwrap();
        assert!(matches!(last, Err(CifarError::BadLabel { record: 1, label: 10 })));
    }
}
