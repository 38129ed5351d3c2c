//! Stored tensors: their dimensions are compared with their bytes before a number is read.

use blindsight_model::graph::MAX_WEIGHTS;
use half::{bf16, f16};

use crate::array::Array;
use crate::error::{TensorError, shown};
use crate::external::ExternalData;
use crate::proto::{TensorProto, varint};

/// Most integers of a tensor that are read: they are axes, sides and paddings.
pub(crate) const MAX_INTEGERS: usize = 1024;

/// Where the tensor's numbers are, for [`TensorProto::data_location`].
const EXTERNAL: i32 = 1;

/// The types of elements that can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Float,
    Double,
    Float16,
    Bfloat16,
    Int32,
    Int64,
    Bool,
}

impl Kind {
    pub(crate) const fn of(data_type: i32) -> Option<Self> {
        match data_type {
            1 => Some(Self::Float),
            6 => Some(Self::Int32),
            7 => Some(Self::Int64),
            9 => Some(Self::Bool),
            10 => Some(Self::Float16),
            11 => Some(Self::Double),
            16 => Some(Self::Bfloat16),
            _ => None,
        }
    }

    /// Whether elements are real numbers, of whatever precision.
    pub(crate) const fn is_real(self) -> bool {
        matches!(self, Self::Float | Self::Double | Self::Float16 | Self::Bfloat16)
    }

    const fn bytes(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Float16 | Self::Bfloat16 => 2,
            Self::Float | Self::Int32 => 4,
            Self::Double | Self::Int64 => 8,
        }
    }
}

/// What the elements of a type are called in messages.
pub(crate) fn type_name(data_type: i32) -> String {
    const NAMES: [&str; 24] = [
        "of no type",
        "float32",
        "uint8",
        "int8",
        "uint16",
        "int16",
        "int32",
        "int64",
        "text",
        "bool",
        "float16",
        "float64",
        "uint32",
        "uint64",
        "complex64",
        "complex128",
        "bfloat16",
        "float8e4m3fn",
        "float8e4m3fnuz",
        "float8e5m2",
        "float8e5m2fnuz",
        "uint4",
        "int4",
        "float4e2m1",
    ];
    let name = usize::try_from(data_type).ok().and_then(|index| NAMES.get(index));
    name.map_or_else(|| format!("of the unknown type {data_type}"), |&name| name.to_owned())
}

/// Number of elements that the dimensions ask for, when there are at most `most`.
pub(crate) fn count(tensor: &TensorProto, most: usize) -> Result<usize, TensorError> {
    let count = tensor
        .dims
        .iter()
        .try_fold(1_usize, |product, &side| product.checked_mul(usize::try_from(side).ok()?));
    count.filter(|&count| count <= most).ok_or_else(|| {
        let dims = tensor.dims.iter().take(8).copied().collect();
        TensorError::Dimensions { dims, most }
    })
}

/// Compares dimensions, type and bytes without reading the numbers or anything outside the file.
/// Types that cannot be read pass: such a tensor is refused where it is used.
pub(crate) fn check(tensor: &TensorProto) -> Result<(), TensorError> {
    let expected = count(tensor, MAX_WEIGHTS)?;
    if tensor.segment.is_some() {
        return Err(TensorError::Segment);
    }
    let Some(kind) = Kind::of(tensor.data_type) else { return Ok(()) };
    if tensor.data_location == EXTERNAL {
        return if stored_inside(tensor) {
            Err(TensorError::Place)
        } else {
            entries(tensor, expected * kind.bytes()).map(drop)
        };
    }
    if tensor.data_location != 0 || !tensor.external_data.is_empty() {
        return Err(TensorError::Place);
    }
    match place(tensor, kind)? {
        Place::Raw(bytes) => expect("bytes", expected * kind.bytes(), bytes.len()),
        Place::Fixed(chunks) => {
            let found = chunks.iter().map(Vec::len).sum();
            expect("bytes", expected * kind.bytes(), found)
        }
        Place::Varints(chunks) => {
            // Every number ends in the only byte of it whose highest bit is clear.
            let ends = |chunk: &Vec<u8>| chunk.iter().filter(|&&byte| byte < 0x80).count();
            expect("numbers", expected, chunks.iter().map(ends).sum())
        }
    }
}

/// The tensor's real numbers, all finite.
pub(crate) fn reals(
    tensor: &TensorProto,
    kind: Kind,
    external: &dyn ExternalData,
) -> Result<Array<f32>, TensorError> {
    check(tensor)?;
    let outside;
    let values: Vec<f32> = match located(tensor, kind, external)? {
        Located::Outside(bytes) => {
            outside = bytes;
            decode_reals(&outside, kind)
        }
        Located::Inside(Place::Raw(bytes)) => decode_reals(bytes, kind),
        Located::Inside(Place::Fixed(chunks)) => decode_reals(&chunks.concat(), kind),
        Located::Inside(Place::Varints(chunks)) => {
            let half = |number: u64| u16::try_from(number).map_err(|_| TensorError::Packing);
            let number = |bits: u16| match kind {
                Kind::Bfloat16 => bf16::from_bits(bits).to_f32(),
                _ => f16::from_bits(bits).to_f32(),
            };
            varints(chunks, count(tensor, MAX_WEIGHTS)?)?
                .into_iter()
                .map(|bits| half(bits).map(number))
                .collect::<Result<_, _>>()?
        }
    };
    if values.iter().any(|value| !value.is_finite()) {
        return Err(TensorError::NotFinite);
    }
    shaped(tensor, values)
}

/// The tensor's integers; truth values are 0 and 1.
pub(crate) fn integers(
    tensor: &TensorProto,
    kind: Kind,
    external: &dyn ExternalData,
) -> Result<Array<i64>, TensorError> {
    check(tensor)?;
    let expected = count(tensor, MAX_INTEGERS)?;
    let outside;
    let values = match located(tensor, kind, external)? {
        Located::Outside(bytes) => {
            outside = bytes;
            decode_integers(&outside, kind)
        }
        Located::Inside(Place::Raw(bytes)) => decode_integers(bytes, kind),
        Located::Inside(Place::Fixed(chunks)) => decode_integers(&chunks.concat(), kind),
        // Negative numbers are stored as if they were 64 bits wide, whatever their type.
        Located::Inside(Place::Varints(chunks)) => {
            varints(chunks, expected)?.into_iter().map(u64::cast_signed).collect()
        }
    };
    shaped(tensor, values)
}

/// Where the numbers are in the file.
enum Place<'a> {
    Raw(&'a [u8]),
    /// Packed numbers, each as many bytes as its type says.
    Fixed(&'a [Vec<u8>]),
    Varints(&'a [Vec<u8>]),
}

enum Located<'a> {
    Inside(Place<'a>),
    Outside(Vec<u8>),
}

/// The one field that holds the numbers; [`TensorError::Place`] when others hold some too.
fn place(tensor: &TensorProto, kind: Kind) -> Result<Place<'_>, TensorError> {
    let fields = [&tensor.float_data, &tensor.int32_data, &tensor.int64_data, &tensor.double_data];
    let filled = |chunks: &[Vec<u8>]| chunks.iter().any(|chunk| !chunk.is_empty());
    if let Some(raw) = &tensor.raw_data {
        let others = fields.iter().any(|chunks| filled(chunks));
        // Some writers leave an empty `raw_data` beside the field that they use.
        if !(others && raw.is_empty()) {
            return if others { Err(TensorError::Place) } else { Ok(Place::Raw(raw)) };
        }
    }
    let (own, place) = match kind {
        Kind::Float => (0, Place::Fixed(&tensor.float_data)),
        Kind::Double => (3, Place::Fixed(&tensor.double_data)),
        Kind::Int64 => (2, Place::Varints(&tensor.int64_data)),
        Kind::Float16 | Kind::Bfloat16 | Kind::Int32 | Kind::Bool => {
            (1, Place::Varints(&tensor.int32_data))
        }
    };
    let elsewhere = fields.iter().enumerate().any(|(field, chunks)| field != own && filled(chunks));
    if elsewhere { Err(TensorError::Place) } else { Ok(place) }
}

fn stored_inside(tensor: &TensorProto) -> bool {
    let fields = [&tensor.float_data, &tensor.int32_data, &tensor.int64_data, &tensor.double_data];
    fields.iter().any(|chunks| chunks.iter().any(|chunk| !chunk.is_empty()))
        || tensor.raw_data.as_ref().is_some_and(|raw| !raw.is_empty())
}

fn located<'a>(
    tensor: &'a TensorProto,
    kind: Kind,
    external: &dyn ExternalData,
) -> Result<Located<'a>, TensorError> {
    if tensor.data_location != EXTERNAL {
        return Ok(Located::Inside(place(tensor, kind)?));
    }
    let length = count(tensor, MAX_WEIGHTS)? * kind.bytes();
    let (location, offset) = entries(tensor, length)?;
    let bytes = external.read(location, offset, length)?;
    expect("bytes", length, bytes.len())?;
    Ok(Located::Outside(bytes))
}

/// Location and offset of numbers outside the file; a stated length must be the right one.
fn entries(tensor: &TensorProto, length: usize) -> Result<(&str, u64), TensorError> {
    let bad = |key: &str| TensorError::ExternalEntry { key: shown(key) };
    let (mut location, mut offset, mut stated) = (None, None, None);
    for entry in &tensor.external_data {
        let number = || entry.value.parse::<u64>().map_err(|_| bad(&entry.key));
        let twice = match entry.key.as_str() {
            "location" => location.replace(entry.value.as_str()).is_some(),
            "offset" => offset.replace(number()?).is_some(),
            "length" => stated.replace(number()?).is_some(),
            // Optional, and only says what the bytes hash to.
            "checksum" => false,
            other => return Err(bad(other)),
        };
        if twice {
            return Err(bad(&entry.key));
        }
    }
    if stated.is_some_and(|stated| stated != length as u64) {
        return Err(bad("length"));
    }
    Ok((location.ok_or_else(|| bad("location"))?, offset.unwrap_or(0)))
}

fn expect(unit: &'static str, expected: usize, found: usize) -> Result<(), TensorError> {
    if expected == found { Ok(()) } else { Err(TensorError::Length { unit, expected, found }) }
}

fn shaped<T: Copy>(tensor: &TensorProto, values: Vec<T>) -> Result<Array<T>, TensorError> {
    let (found, expected) = (values.len(), count(tensor, MAX_WEIGHTS)?);
    let dims = tensor.dims.iter().filter_map(|&side| usize::try_from(side).ok()).collect();
    Array::new(dims, values).ok_or(TensorError::Length { unit: "numbers", expected, found })
}

fn varints(chunks: &[Vec<u8>], expected: usize) -> Result<Vec<u64>, TensorError> {
    let mut numbers = Vec::with_capacity(expected);
    for chunk in chunks {
        let mut rest = chunk.as_slice();
        while !rest.is_empty() {
            numbers.push(varint(&mut rest).ok_or(TensorError::Packing)?);
        }
    }
    Ok(numbers)
}

fn decode_reals(bytes: &[u8], kind: Kind) -> Vec<f32> {
    match kind {
        Kind::Double => chunks(bytes).map(|bytes| f64::from_le_bytes(bytes) as f32).collect(),
        Kind::Float16 => chunks(bytes).map(|bytes| f16::from_le_bytes(bytes).to_f32()).collect(),
        Kind::Bfloat16 => chunks(bytes).map(|bytes| bf16::from_le_bytes(bytes).to_f32()).collect(),
        _ => chunks(bytes).map(f32::from_le_bytes).collect(),
    }
}

fn decode_integers(bytes: &[u8], kind: Kind) -> Vec<i64> {
    match kind {
        Kind::Int32 => chunks(bytes).map(|bytes| i64::from(i32::from_le_bytes(bytes))).collect(),
        Kind::Bool => bytes.iter().map(|&byte| i64::from(byte != 0)).collect(),
        _ => chunks(bytes).map(i64::from_le_bytes).collect(),
    }
}

fn chunks<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}
