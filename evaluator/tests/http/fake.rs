//! A model of a few bytes, whose requests say how it behaves.

use std::ops::ControlFlow;
use std::time::Duration;

use blindsight_ckks::wire::ReadError;
use blindsight_ckks::wire::frame::{ObjectKind, WireError};
use blindsight_evaluator::EvaluateError;
use blindsight_evaluator::served::{
    ClientKeys, ExpandError, KeysDescription, ModelDescription, Normalisation,
    ParameterDescription, ServedModel,
};
use blindsight_model::homomorphic::RunError;
use bytes::Bytes;

/// Lengths of manifest and keys.
pub(crate) const FRAMES: [usize; 4] = [64, 1000, 40_000, 300];

pub(crate) const REQUEST_BYTES: usize = 100;

pub(crate) const STEPS: usize = 5;

/// The bytes of a whole bundle; bundles with different salts differ.
pub(crate) fn bundle(salt: u8) -> Vec<u8> {
    let frame = |(index, &length): (usize, &usize)| {
        let mut frame = vec![salt; length];
        frame[0] = index as u8;
        frame
    };
    FRAMES.iter().enumerate().flat_map(frame).collect()
}

/// What a run does at its third step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Behaviour {
    Works = 0,
    Panics = 1,
    Fails = 2,
}

/// A request for a run that takes so many milliseconds a step.
pub(crate) fn request(step_ms: u8, behaviour: Behaviour) -> Vec<u8> {
    let mut request = vec![7; REQUEST_BYTES];
    request[..3].copy_from_slice(&[b'R', step_ms, behaviour as u8]);
    request
}

/// What the run of a request gives.
pub(crate) fn answer(request: &[u8]) -> Vec<u8> {
    request.iter().rev().copied().collect()
}

pub(crate) struct FakeModel {
    description: ModelDescription,
}

impl FakeModel {
    pub(crate) fn new() -> Self {
        let description = ModelDescription {
            id: "fake".to_owned(),
            name: "A model for tests".to_owned(),
            classes: vec!["one".to_owned(), "two".to_owned()],
            normalisation: Normalisation { mean: [0.5; 3], std: [0.25; 3] },
            score_bound: 8.0,
            parameters: ParameterDescription { fingerprint: "00".repeat(32), log2_degree: 4 },
            evaluation_keys: KeysDescription {
                count: FRAMES.len() as u32 - 1,
                manifest_bytes: FRAMES[0] as u64,
                bytes: FRAMES.iter().sum::<usize>() as u64,
                key_bytes: FRAMES[1..].iter().map(|&length| length as u64).collect(),
            },
            request_bytes: REQUEST_BYTES as u64,
            response_bytes: REQUEST_BYTES as u64,
            steps: STEPS as u32,
        };
        Self { description }
    }
}

impl ServedModel for FakeModel {
    fn description(&self) -> &ModelDescription {
        &self.description
    }

    fn check_frame(&self, frame: usize, bytes: &[u8]) -> Result<(), ReadError> {
        assert_eq!(bytes.len(), FRAMES[frame]);
        match usize::from(bytes[0]) {
            found if found == frame => Ok(()),
            0xFF => {
                let (expected, found) = (ObjectKind::EvaluationKey, ObjectKind::SecretKey);
                Err(WireError::Kind { expected, found }.into())
            }
            found => Err(ReadError::KeyIndex { expected: frame, found: found as u32 }),
        }
    }

    fn check_request(&self, bytes: &[u8]) -> Result<(), ReadError> {
        match bytes {
            [b'R', ..] if bytes.len() == REQUEST_BYTES => Ok(()),
            [b'R', ..] => {
                let (needed, found) = (REQUEST_BYTES as u64, bytes.len());
                Err(WireError::Truncated { needed, found }.into())
            }
            _ => Err(WireError::Checksum.into()),
        }
    }

    fn expanded_bytes(&self) -> usize {
        2 * FRAMES.iter().sum::<usize>()
    }

    fn expand(
        &self,
        read: &mut dyn FnMut(usize) -> Result<Bytes, ExpandError>,
    ) -> Result<Box<dyn ClientKeys>, ExpandError> {
        for (frame, &length) in FRAMES.iter().enumerate().skip(1) {
            assert_eq!(read(frame)?.len(), length);
        }
        Ok(Box::new(FakeKeys))
    }
}

struct FakeKeys;

impl ClientKeys for FakeKeys {
    fn byte_len(&self) -> usize {
        2 * FRAMES.iter().sum::<usize>()
    }

    fn evaluate(
        &self,
        request: &[u8],
        progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
    ) -> Result<Vec<u8>, EvaluateError> {
        for step in 0..STEPS {
            if progress(step, STEPS).is_break() {
                return Err(RunError::Cancelled.into());
            }
            std::thread::sleep(Duration::from_millis(request[1].into()));
            match request[2] {
                1 if step == 2 => panic!("this is what the request asked for"),
                2 if step == 2 => return Err(RunError::Request { needed: 4, scale: 30.0 }.into()),
                _ => {}
            }
        }
        let _ = progress(STEPS, STEPS);
        Ok(answer(request))
    }
}
