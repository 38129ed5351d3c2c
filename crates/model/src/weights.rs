//! Reads named tensors from a safetensors file, which may come from anywhere.

use std::collections::{BTreeMap, HashMap};

use safetensors::{Dtype, SafeTensorError, SafeTensors};
use thiserror::Error;

use crate::fingerprint::Fingerprint;

/// Largest file accepted, in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Largest header accepted, in bytes: parsing JSON takes several times its size in memory.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;
/// Most tensors accepted.
pub const MAX_TENSORS: usize = 1024;

/// PyTorch counts training batches in tensors of this name; they mean nothing at inference.
const TRAINING_COUNTER: &str = "num_batches_tracked";

/// Named tensors of finite `f32`, each to be taken exactly once, and the file's metadata.
#[derive(Clone, Debug)]
pub struct Weights {
    tensors: BTreeMap<String, NamedTensor>,
    metadata: HashMap<String, String>,
    fingerprint: Fingerprint,
}

#[derive(Clone, Debug)]
struct NamedTensor {
    dims: Vec<usize>,
    values: Vec<f32>,
}

impl Weights {
    /// Reads a safetensors file.
    ///
    /// # Errors
    /// [`WeightsError`] when the file is too large, malformed or truncated, or a tensor is not of
    /// type `F32` or not finite.
    pub fn parse(bytes: &[u8]) -> Result<Self, WeightsError> {
        check_sizes(bytes)?;
        let (_, header) = SafeTensors::read_metadata(bytes)?;
        let metadata = header.metadata().clone().unwrap_or_default();
        let file = SafeTensors::deserialize(bytes)?;
        if file.len() > MAX_TENSORS {
            return Err(WeightsError::TooManyTensors { found: file.len() });
        }
        let mut tensors = BTreeMap::new();
        for (name, view) in file.iter() {
            if name.rsplit('.').next() == Some(TRAINING_COUNTER) {
                continue;
            }
            let name = name.to_owned();
            if view.dtype() != Dtype::F32 {
                return Err(WeightsError::WrongType { name, found: view.dtype().to_string() });
            }
            let (chunks, _) = view.data().as_chunks();
            let values: Vec<f32> = chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
            if values.iter().any(|x| !x.is_finite()) {
                return Err(WeightsError::NotFinite { name });
            }
            tensors.insert(name, NamedTensor { dims: view.shape().to_vec(), values });
        }
        Ok(Self { tensors, metadata, fingerprint: Fingerprint::of(bytes) })
    }

    /// The file's free-form metadata.
    #[must_use]
    pub const fn metadata(&self) -> &HashMap<String, String> {
        &self.metadata
    }

    /// Tells this file from others.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Whether a tensor of that name is there and not yet taken.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// Takes a tensor of the given dimensions, in row-major order.
    ///
    /// # Errors
    /// [`WeightsError::Missing`] or [`WeightsError::Misshapen`].
    pub fn take(&mut self, name: &str, dims: &[usize]) -> Result<Vec<f32>, WeightsError> {
        let Some(tensor) = self.tensors.remove(name) else {
            return Err(WeightsError::Missing { name: name.to_owned() });
        };
        if tensor.dims == dims {
            Ok(tensor.values)
        } else {
            let (name, expected, found) = (name.to_owned(), dims.to_vec(), tensor.dims);
            Err(WeightsError::Misshapen { name, expected, found })
        }
    }

    /// Checks that every tensor was taken.
    ///
    /// # Errors
    /// [`WeightsError::Unexpected`] when some were not.
    pub fn finish(self) -> Result<(), WeightsError> {
        match self.tensors.into_keys().next() {
            None => Ok(()),
            Some(name) => Err(WeightsError::Unexpected { name }),
        }
    }
}

/// Why a weights file was refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WeightsError {
    /// The file is too large.
    #[error("the weights file has {found} bytes; at most {MAX_FILE_BYTES} are accepted")]
    FileTooLarge {
        /// Size of the file in bytes.
        found: usize,
    },
    /// The header is too large.
    #[error(
        "the weights file has a header of {found} bytes; at most {MAX_HEADER_BYTES} are accepted"
    )]
    HeaderTooLarge {
        /// Size of the header in bytes, as the file says.
        found: u64,
    },
    /// There are too many tensors.
    #[error("the weights file has {found} tensors; at most {MAX_TENSORS} are accepted")]
    TooManyTensors {
        /// Number of tensors in the file.
        found: usize,
    },
    /// The file is no safetensors file or it is damaged.
    #[error("the weights file is damaged or no safetensors file: {0}")]
    Malformed(#[from] SafeTensorError),
    /// A tensor has another number type.
    #[error("tensor {name} has type {found}, but only F32 is supported")]
    WrongType {
        /// The tensor's name.
        name: String,
        /// Its number type.
        found: String,
    },
    /// A tensor contains an infinity or a NaN.
    #[error("tensor {name} contains a number that is not finite")]
    NotFinite {
        /// The tensor's name.
        name: String,
    },
    /// A tensor that the network needs is not there.
    #[error("tensor {name} is missing")]
    Missing {
        /// The tensor's name.
        name: String,
    },
    /// A tensor has other dimensions than the network needs.
    #[error("tensor {name} should have dimensions {expected:?}, but has {found:?}")]
    Misshapen {
        /// The tensor's name.
        name: String,
        /// What the network needs.
        expected: Vec<usize>,
        /// What the file has.
        found: Vec<usize>,
    },
    /// A tensor has no place in the network.
    #[error("tensor {name} has no place in this network")]
    Unexpected {
        /// The name of the first such tensor.
        name: String,
    },
}

/// Checks the declared limits before anything is parsed.
fn check_sizes(bytes: &[u8]) -> Result<(), WeightsError> {
    if bytes.len() > MAX_FILE_BYTES {
        return Err(WeightsError::FileTooLarge { found: bytes.len() });
    }
    // The format starts with the header's size; a shorter file is refused by the parser.
    if let Some(&size) = bytes.first_chunk() {
        let found = u64::from_le_bytes(size);
        if found > MAX_HEADER_BYTES {
            return Err(WeightsError::HeaderTooLarge { found });
        }
    }
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;
    use safetensors::serialize;
    use safetensors::tensor::TensorView;

    use super::*;

    /// A tensor to be written: name, type, dimensions, bytes.
    pub(crate) struct Entry {
        pub(crate) name: String,
        pub(crate) dtype: Dtype,
        pub(crate) dims: Vec<usize>,
        pub(crate) bytes: Vec<u8>,
    }

    impl Entry {
        pub(crate) fn f32(name: &str, dims: &[usize], values: &[f32]) -> Self {
            let bytes = values.iter().flat_map(|x| x.to_le_bytes()).collect();
            Self { name: name.to_owned(), dtype: Dtype::F32, dims: dims.to_vec(), bytes }
        }
    }

    /// A safetensors file with the entries and the metadata.
    pub(crate) fn file(entries: &[Entry], metadata: &[(&str, &str)]) -> Vec<u8> {
        let views = entries.iter().map(|entry| {
            let view = TensorView::new(entry.dtype, entry.dims.clone(), &entry.bytes).unwrap();
            (entry.name.clone(), view)
        });
        let metadata = metadata.iter().map(|&(key, value)| (key.to_owned(), value.to_owned()));
        serialize(views.collect::<Vec<_>>(), Some(metadata.collect())).unwrap()
    }

    fn small() -> Vec<u8> {
        file(&[Entry::f32("a.weight", &[2, 1], &[1.5, -2.0])], &[("key", "value")])
    }

    #[test]
    fn tensors_and_metadata_are_read() {
        let counter = Entry {
            name: "bn.num_batches_tracked".to_owned(),
            dtype: Dtype::I64,
            dims: vec![],
            bytes: vec![0; 8],
        };
        let bytes = file(&[Entry::f32("a", &[2, 1], &[1.5, -2.0]), counter], &[("k", "v")]);
        let mut weights = Weights::parse(&bytes).unwrap();
        assert_eq!(weights.metadata()["k"], "v");
        assert!(weights.contains("a"));
        assert_eq!(weights.take("a", &[2, 1]).unwrap(), [1.5, -2.0]);
        weights.finish().unwrap();
    }

    #[test]
    fn missing_misshapen_and_extra_tensors_are_named() {
        let mut weights = Weights::parse(&small()).unwrap();
        let refused = weights.take("b", &[2]).unwrap_err();
        assert_eq!(refused.to_string(), "tensor b is missing");
        let refused = weights.clone().take("a.weight", &[1, 2]).unwrap_err();
        assert!(matches!(refused, WeightsError::Misshapen { ref found, .. } if *found == [2, 1]));
        let refused = weights.finish().unwrap_err();
        assert!(matches!(refused, WeightsError::Unexpected { ref name } if name == "a.weight"));
    }

    #[test]
    fn other_number_types_are_refused() {
        let half =
            Entry { name: "h".to_owned(), dtype: Dtype::F16, dims: vec![1], bytes: vec![0, 0] };
        let refused = Weights::parse(&file(&[half], &[])).unwrap_err();
        assert_eq!(refused.to_string(), "tensor h has type F16, but only F32 is supported");
    }

    #[test]
    fn numbers_must_be_finite() {
        for x in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let refused = Weights::parse(&file(&[Entry::f32("x", &[2], &[0.0, x])], &[]));
            assert!(matches!(refused, Err(WeightsError::NotFinite { ref name }) if name == "x"));
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = small();
        for length in 0..bytes.len() {
            let refused = Weights::parse(&bytes[..length]).unwrap_err();
            assert!(matches!(refused, WeightsError::Malformed(_)), "{length} bytes: {refused}");
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "sixty megabytes")]
    fn limits_hold() {
        let refused = Weights::parse(&vec![0; MAX_FILE_BYTES + 1]).unwrap_err();
        assert!(matches!(refused, WeightsError::FileTooLarge { .. }));
        let mut bytes = small();
        bytes[..8].copy_from_slice(&(MAX_HEADER_BYTES + 1).to_le_bytes());
        let refused = Weights::parse(&bytes).unwrap_err();
        assert!(matches!(refused, WeightsError::HeaderTooLarge { .. }));
        let many: Vec<_> =
            (0..=MAX_TENSORS).map(|i| Entry::f32(&i.to_string(), &[1], &[0.0])).collect();
        let refused = Weights::parse(&file(&many, &[])).unwrap_err();
        assert!(matches!(refused, WeightsError::TooManyTensors { .. }));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            rng_seed: RngSeed::Fixed(1),
            ..ProptestConfig::default()
        })]
        #[test]
        fn damaged_files_never_panic(
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        ) {
            let mut bytes = small();
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(mut weights) = Weights::parse(&bytes) {
                let _ = weights.take("a.weight", &[2, 1]);
            }
        }
    }
}
