//! The header of an array: the literal of a Python dictionary.

use std::io::{self, Read};

use super::NpyError;

/// Longest header accepted, in bytes; NumPy itself refuses longer ones.
pub const MAX_HEADER_BYTES: u32 = 10_000;

const MAGIC: [u8; 6] = *b"\x93NUMPY";

/// Most dimensions that NumPy knows.
const MAX_DIMENSIONS: usize = 64;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) descr: String,
    pub(super) fortran_order: bool,
    pub(super) shape: Vec<u64>,
}

impl Header {
    /// The header, and how many bytes come before the numbers.
    pub(super) fn read(source: &mut impl Read) -> Result<(Self, u64), NpyError> {
        let [magic @ .., major, _minor] = bytes::<8>(source)?;
        if magic != MAGIC {
            return Err(NpyError::Magic);
        }
        let (length, before) = match major {
            1 => (u32::from(u16::from_le_bytes(bytes(source)?)), 10),
            2 | 3 => (u32::from_le_bytes(bytes(source)?), 12),
            _ => return Err(NpyError::Version { major }),
        };
        if length > MAX_HEADER_BYTES {
            return Err(NpyError::LongHeader { found: length });
        }
        let mut text = Vec::new();
        source.by_ref().take(u64::from(length)).read_to_end(&mut text)?;
        if text.len() < length as usize {
            return Err(NpyError::TruncatedHeader);
        }
        let text = str::from_utf8(&text).map_err(|_| NpyError::Header("it is not text"))?;
        Ok((Self::parse(text)?, before + u64::from(length)))
    }

    /// Reads exactly the three entries, in any order.
    fn parse(text: &str) -> Result<Self, NpyError> {
        let mut text = Text(text);
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        text.expect('{')?;
        while !text.eat('}') {
            let repeated = match text.string()? {
                "descr" => {
                    text.expect(':')?;
                    descr.replace(text.string()?).is_some()
                }
                "fortran_order" => {
                    text.expect(':')?;
                    fortran_order.replace(text.truth()?).is_some()
                }
                "shape" => {
                    text.expect(':')?;
                    shape.replace(text.tuple()?).is_some()
                }
                _ => return Err(NpyError::Header("it has an unknown entry")),
            };
            if repeated {
                return Err(NpyError::Header("it has an entry twice"));
            }
            if !text.eat(',') {
                text.expect('}')?;
                break;
            }
        }
        if !text.0.trim_matches([' ', '\n', '\t', '\r']).is_empty() {
            return Err(NpyError::Header("it goes on after its end"));
        }
        match (descr, fortran_order, shape) {
            (Some(descr), Some(fortran_order), Some(shape)) => {
                Ok(Self { descr: descr.to_owned(), fortran_order, shape })
            }
            _ => Err(NpyError::Header("it lacks an entry")),
        }
    }
}

/// What is left of the header.
struct Text<'a>(&'a str);

impl<'a> Text<'a> {
    /// Skips the sign if it comes next.
    fn eat(&mut self, sign: char) -> bool {
        self.skip_space();
        let rest = self.0.strip_prefix(sign);
        self.0 = rest.unwrap_or(self.0);
        rest.is_some()
    }

    fn skip_space(&mut self) {
        self.0 = self.0.trim_start_matches([' ', '\n', '\t', '\r']);
    }

    fn expect(&mut self, sign: char) -> Result<(), NpyError> {
        if self.eat(sign) { Ok(()) } else { Err(NpyError::Header("a sign is missing")) }
    }

    fn string(&mut self) -> Result<&'a str, NpyError> {
        let quote = if self.eat('\'') {
            '\''
        } else if self.eat('"') {
            '"'
        } else {
            return Err(NpyError::Header("a text is missing"));
        };
        let (string, rest) =
            self.0.split_once(quote).ok_or(NpyError::Header("a text does not end"))?;
        self.0 = rest;
        Ok(string)
    }

    fn truth(&mut self) -> Result<bool, NpyError> {
        self.skip_space();
        for (name, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.0.strip_prefix(name) {
                self.0 = rest;
                return Ok(value);
            }
        }
        Err(NpyError::Header("fortran_order is neither True nor False"))
    }

    fn tuple(&mut self) -> Result<Vec<u64>, NpyError> {
        self.expect('(')?;
        let mut numbers = Vec::new();
        while !self.eat(')') {
            if numbers.len() == MAX_DIMENSIONS {
                return Err(NpyError::Header("it has too many dimensions"));
            }
            numbers.push(self.number()?);
            if !self.eat(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(numbers)
    }

    fn number(&mut self) -> Result<u64, NpyError> {
        self.skip_space();
        let end = self.0.find(|c: char| !c.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        digits.parse().map_err(|_| NpyError::Header("a dimension is no number"))
    }
}

fn bytes<const N: usize>(source: &mut impl Read) -> Result<[u8; N], NpyError> {
    let mut bytes = [0; N];
    source.read_exact(&mut bytes).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => NpyError::TruncatedHeader,
        _ => NpyError::Io(error),
    })?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pythons_ways_of_writing_are_understood() {
        let expected =
            Header { descr: "<f4".to_owned(), fortran_order: false, shape: vec![2, 3, 4] };
        for text in [
            "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3, 4), }       \n",
            "{'shape':(2,3,4,),'descr':\"<f4\",'fortran_order':False}",
            "{ \"fortran_order\" : False , 'shape' : ( 2 , 3 , 4 ) , 'descr' : '<f4' }",
        ] {
            assert_eq!(Header::parse(text).unwrap(), expected, "{text}");
        }
        let text = "{'descr': '|u1', 'fortran_order': True, 'shape': ()}";
        let header = Header::parse(text).unwrap();
        assert!(header.fortran_order && header.shape.is_empty());
    }

    #[test]
    fn anything_else_is_refused() {
        let many = format!("{{'shape': ({})}}", "1,".repeat(65));
        let cases = [
            ("", "a sign is missing"),
            ("{", "a text is missing"),
            ("{}", "lacks an entry"),
            ("{'descr': '<f4'}", "lacks an entry"),
            ("{'descr' '<f4'}", "a sign is missing"),
            ("{'descr': '<f4", "a text does not end"),
            ("{'descr': [('a', '<f4')]}", "a text is missing"),
            ("{'descr': '<f4' 'shape': ()}", "a sign is missing"),
            ("{'descr': '<f4', 'descr': '<f8'}", "an entry twice"),
            ("{'surprise': 1}", "an unknown entry"),
            ("{'fortran_order': 0}", "neither True nor False"),
            ("{'shape': 3}", "a sign is missing"),
            ("{'shape': (3", "a sign is missing"),
            ("{'shape': (-3,)}", "a dimension is no number"),
            ("{'shape': (3.5,)}", "a sign is missing"),
            ("{'shape': (99999999999999999999,)}", "a dimension is no number"),
            ("{'shape': (,)}", "a dimension is no number"),
            ("{'descr': '<f4', 'fortran_order': False, 'shape': ()} x", "goes on after its end"),
            (&many, "too many dimensions"),
        ];
        for (text, expected) in cases {
            let refused = Header::parse(text).unwrap_err().to_string();
            assert!(refused.contains(expected), "{text}: {refused:?} lacks {expected:?}");
        }
    }
}
