//! Strict reading of what is inside a frame.

use super::WireError;

/// Reads a payload from front to back. Nothing is skipped, nothing is guessed.
///
/// Every method takes the name of what it reads, for the error: "the level", "the scale". Call
/// [`finish`](Self::finish) at the end, or bytes left over go unnoticed.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(payload: &'a [u8]) -> Self {
        Self { rest: payload }
    }

    /// Reads a byte.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`].
    pub fn u8(&mut self, what: &'static str) -> Result<u8, WireError> {
        self.array(what).map(u8::from_le_bytes)
    }

    /// Reads a 16-bit number.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`].
    pub fn u16(&mut self, what: &'static str) -> Result<u16, WireError> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Reads a 32-bit number.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`].
    pub fn u32(&mut self, what: &'static str) -> Result<u32, WireError> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Reads a 64-bit number.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`].
    pub fn u64(&mut self, what: &'static str) -> Result<u64, WireError> {
        self.array(what).map(u64::from_le_bytes)
    }

    /// Reads a finite IEEE 754 double: neither infinite nor NaN.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`], [`WireError::NotFinite`].
    pub fn f64(&mut self, what: &'static str) -> Result<f64, WireError> {
        let value = self.array(what).map(f64::from_le_bytes)?;
        if value.is_finite() { Ok(value) } else { Err(WireError::NotFinite { what }) }
    }

    /// Reads a 32-bit count of at most `most`. Sizes of allocations come from here, so that a
    /// frame cannot ask for more memory than its reader declared.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`], [`WireError::TooMany`].
    pub fn count(&mut self, what: &'static str, most: u32) -> Result<usize, WireError> {
        let found = self.u32(what)?;
        usize::try_from(found).ok().filter(|_| found <= most).ok_or(WireError::TooMany {
            what,
            most,
            found,
        })
    }

    /// Reads the next `length` bytes, without copying them.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`].
    pub fn bytes(&mut self, what: &'static str, length: usize) -> Result<&'a [u8], WireError> {
        let ends = WireError::PayloadEnds { what, needed: length, left: self.rest.len() };
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(ends)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Reads the next `N` bytes.
    ///
    /// # Errors
    ///
    /// [`WireError::PayloadEnds`].
    pub fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], WireError> {
        let ends = WireError::PayloadEnds { what, needed: N, left: self.rest.len() };
        let (taken, rest) = self.rest.split_first_chunk().ok_or(ends)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// [`WireError::Unread`] if bytes are left.
    pub fn finish(self) -> Result<(), WireError> {
        match self.rest.len() {
            0 => Ok(()),
            left => Err(WireError::Unread { left }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payload_that_ends_early_is_refused() {
        let ends = |needed, left| WireError::PayloadEnds { what: "x", needed, left };
        assert_eq!(Reader::new(&[]).u8("x"), Err(ends(1, 0)));
        assert_eq!(Reader::new(&[0]).u16("x"), Err(ends(2, 1)));
        assert_eq!(Reader::new(&[0; 3]).u32("x"), Err(ends(4, 3)));
        assert_eq!(Reader::new(&[0; 3]).count("x", 9), Err(ends(4, 3)));
        assert_eq!(Reader::new(&[0; 7]).u64("x"), Err(ends(8, 7)));
        assert_eq!(Reader::new(&[0; 7]).f64("x"), Err(ends(8, 7)));
        assert_eq!(Reader::new(&[0; 7]).array::<9>("x"), Err(ends(9, 7)));
        let error = Reader::new(&[0; 7]).bytes("x", usize::MAX);
        assert_eq!(error, Err(ends(usize::MAX, 7)));
    }

    #[test]
    fn numbers_out_of_bounds_are_refused() {
        for value in [f64::NAN, -f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let error = Reader::new(&value.to_le_bytes()).f64("the scale").unwrap_err();
            assert_eq!(error, WireError::NotFinite { what: "the scale" });
        }
        let what = "the number of limbs";
        let error = Reader::new(&20_u32.to_le_bytes()).count(what, 19).unwrap_err();
        assert_eq!(error, WireError::TooMany { what, most: 19, found: 20 });
        assert_eq!(error.to_string(), "the number of limbs is 20, but at most 19 is allowed here");
    }

    #[test]
    fn unread_payload_is_refused() {
        let mut reader = Reader::new(&[1, 2, 3]);
        assert_eq!(reader.u8("x"), Ok(1));
        assert_eq!(reader.finish(), Err(WireError::Unread { left: 2 }));
    }
}
