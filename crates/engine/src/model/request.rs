//! Reading requests.

use blindsight_ckks::ciphertext::SeededCiphertext;
use blindsight_ckks::wire::{ExpectedScale, ReadError};
use blindsight_contract::{AcceptedContract, Request};
use blindsight_exact::BinaryPicture;
use rayon::prelude::*;
use thiserror::Error;

use super::Model;

/// Why bytes are no request.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RequestError {
    /// A ciphertext of CKKS.
    #[error(transparent)]
    Scheme(#[from] ReadError),
    /// The signs of an input.
    #[error(transparent)]
    Signs(#[from] blindsight_exact::wire::ReadError),
    /// A model that reads signs was to read slots, or the other way round.
    #[error("the model reads requests of another form")]
    Form,
}

impl Model {
    /// Checks a request for a model with this contract.
    ///
    /// # Errors
    /// When the bytes are not what requests of it are.
    pub fn check_request(contract: &AcceptedContract, bytes: &[u8]) -> Result<(), RequestError> {
        match contract.request() {
            Request::Slots(_) => read_slots(contract, bytes).map(drop),
            Request::Signs(_) => read_signs(contract, bytes).map(drop),
        }
    }
}

/// The ciphertexts of a request, one after another.
pub(super) fn read_slots(
    contract: &AcceptedContract,
    bytes: &[u8],
) -> Result<Vec<SeededCiphertext>, RequestError> {
    let (set, request) = (contract.set(), contract.request().slots().ok_or(RequestError::Form)?);
    let scale = ExpectedScale::Exactly(request.scale());
    let each = SeededCiphertext::byte_len(set, request.level());
    let last = request.ciphertexts() - 1;
    let one = |index: usize| {
        // Of a request that is too short or too long, one of these is.
        let start = bytes.len().min(index * each);
        let end = if index == last { bytes.len() } else { bytes.len().min(start + each) };
        SeededCiphertext::from_bytes(set, &bytes[start..end], request.level(), scale)
    };
    let all: Result<_, ReadError> = (0..=last).into_par_iter().map(one).collect();
    Ok(all?)
}

/// The signs of a request.
pub(super) fn read_signs(
    contract: &AcceptedContract,
    bytes: &[u8],
) -> Result<BinaryPicture, RequestError> {
    let request = contract.request().signs().ok_or(RequestError::Form)?;
    Ok(BinaryPicture::from_bytes(request.exact(), request.signs(), bytes)?)
}
