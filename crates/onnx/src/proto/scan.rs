//! A walk over the file that bounds what reading it can cost, and finds the parts that are refused.
//!
//! An empty message takes two bytes of a file, but hundreds in memory. So all records that would
//! become objects are counted first. The walk only enters the messages that the importer reads, so
//! its depth is bounded by the table in [`Message::field`].

use crate::error::{ImportError, ModelPart};

/// Most records accepted; a ResNet110 has about ten thousand.
const MAX_RECORDS: usize = 1 << 18;

/// Checks that the bytes are a sequence of records, that there are not too many, and that the
/// model has no part that the importer would have to leave out.
pub(super) fn check(bytes: &[u8]) -> Result<(), ImportError> {
    let mut left = MAX_RECORDS;
    walk(Message::Model, bytes, &mut left)
}

/// Takes one variable-length number from the front.
pub(crate) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        // The tenth byte has room for one bit.
        if shift == 63 && byte > 1 {
            return None;
        }
        value |= u64::from(byte & 0x7F) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[derive(Clone, Copy)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    ValueInfo,
    Type,
    TensorType,
    TensorShape,
    /// Has fields but no messages in it.
    Leaf,
}

/// What becomes of a field that holds bytes.
enum Field {
    Enter(Message),
    /// Packed numbers that may grow eightfold in memory.
    Packed,
    /// Text or bytes, copied as they are or skipped.
    Opaque,
    Refuse(ModelPart),
}

impl Message {
    const fn field(self, number: u64) -> Field {
        match (self, number) {
            (Self::Model, 7) => Field::Enter(Self::Graph),
            (Self::Model, 20) => Field::Refuse(ModelPart::TrainingInfo),
            (Self::Model, 25) => Field::Refuse(ModelPart::Functions),
            (Self::Graph, 1) => Field::Enter(Self::Node),
            (Self::Graph, 11 | 12) => Field::Enter(Self::ValueInfo),
            (Self::Graph, 14) => Field::Refuse(ModelPart::QuantizationAnnotation),
            (Self::Graph, 15) => Field::Refuse(ModelPart::SparseInitializer),
            (Self::Graph | Self::Attribute, 5) => Field::Enter(Self::Tensor),
            (Self::Node, 5) => Field::Enter(Self::Attribute),
            (Self::Attribute, 7 | 8) | (Self::Tensor, 1) => Field::Packed,
            (Self::Model, 8) | (Self::Tensor, 13) | (Self::TensorShape, 1) => {
                Field::Enter(Self::Leaf)
            }
            (Self::ValueInfo, 2) => Field::Enter(Self::Type),
            (Self::Type, 1) => Field::Enter(Self::TensorType),
            (Self::TensorType, 2) => Field::Enter(Self::TensorShape),
            _ => Field::Opaque,
        }
    }
}

fn walk(message: Message, mut bytes: &[u8], left: &mut usize) -> Result<(), ImportError> {
    while !bytes.is_empty() {
        spend(left, 1)?;
        let key = varint(&mut bytes).ok_or_else(truncated)?;
        match key & 7 {
            0 => {
                varint(&mut bytes).ok_or_else(truncated)?;
            }
            1 => {
                take(&mut bytes, 8)?;
            }
            2 => {
                let length = varint(&mut bytes).ok_or_else(truncated)?;
                let content = take(&mut bytes, length)?;
                match message.field(key >> 3) {
                    Field::Enter(inner) => walk(inner, content, left)?,
                    Field::Packed => spend(left, content.len())?,
                    Field::Opaque => {}
                    Field::Refuse(part) => return Err(ImportError::Part(part)),
                }
            }
            5 => {
                take(&mut bytes, 4)?;
            }
            other => {
                let reason = format!("a field has the encoding {other}, which ONNX does not use");
                return Err(ImportError::Malformed(reason));
            }
        }
    }
    Ok(())
}

fn spend(left: &mut usize, records: usize) -> Result<(), ImportError> {
    *left = left.checked_sub(records).ok_or(ImportError::TooManyRecords { most: MAX_RECORDS })?;
    Ok(())
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], ImportError> {
    let length = usize::try_from(length).map_err(|_| truncated())?;
    let (content, rest) = bytes.split_at_checked(length).ok_or_else(truncated)?;
    *bytes = rest;
    Ok(content)
}

fn truncated() -> ImportError {
    ImportError::Malformed("a field is cut off or longer than what holds it".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_length_are_read() {
        let read = |mut bytes: &[u8]| varint(&mut bytes).map(|value| (value, bytes.len()));
        assert_eq!(read(&[5, 9]), Some((5, 1)));
        assert_eq!(read(&[0x80, 0x01]), Some((128, 0)));
        let mut most = [0xFF; 10];
        most[9] = 1;
        assert_eq!(read(&most), Some((u64::MAX, 0)));
        assert_eq!(read(&[0xFF; 10]), None);
        assert_eq!(read(&[0x80]), None);
    }

    #[test]
    fn swarms_of_empty_messages_are_refused() {
        let nodes = [0x0A, 0x00].repeat(MAX_RECORDS);
        let mut model = vec![0x3A];
        let mut length = nodes.len();
        while length > 0x7F {
            model.push(0x80 | (length & 0x7F) as u8);
            length >>= 7;
        }
        model.push(length as u8);
        model.extend(nodes);
        assert!(matches!(check(&model), Err(ImportError::TooManyRecords { .. })));
    }
}
