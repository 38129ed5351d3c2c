//! The secret of a client, and what it can do.

use blindsight_ckks_client::{ClientSeed, SecretRng};
use blindsight_contract::AcceptedContract;
use blindsight_session::{PrepareError, Session, SessionError, prepare};
use js_sys::{Float32Array, Uint8Array};
use wasm_bindgen::prelude::wasm_bindgen;
use web_sys::CryptoKey;
use zeroize::Zeroizing;

use crate::contract::ModelContract;
use crate::error::{ClientError, Code};
use crate::input;
use crate::seal;

/// A client's secret key and all that follows from it, for every model of one scheme. `free()` wipes
/// it.
#[wasm_bindgen]
#[derive(Debug)]
pub struct ClientKeys {
    session: Session,
}

#[wasm_bindgen]
impl ClientKeys {
    /// Makes a fresh seed for the scheme of a contract and seals it under an AES-GCM key.
    ///
    /// # Errors
    /// When the platform gives no entropy, or refuses the key.
    pub async fn generate(
        contract: &ModelContract,
        key: CryptoKey,
    ) -> Result<Vec<u8>, ClientError> {
        let mut rng = entropy()?;
        let seed = ClientSeed::generate(&mut rng);
        let associated = seal::associated_data(contract.accepted());
        seal::seal(associated, &seed, &mut rng, &key).await
    }

    /// The keys of a sealed seed.
    ///
    /// # Errors
    /// When it cannot be opened with this key, or is for another scheme.
    pub async fn open(
        contract: &ModelContract,
        sealed: Uint8Array,
        key: CryptoKey,
    ) -> Result<Self, ClientError> {
        let most = seal::SEALED_BYTES;
        let sealed = input::bytes("a sealed seed", &sealed, most, Code::StorageCorrupt)?;
        let associated = seal::associated_data(contract.accepted());
        let seed = seal::open(associated, &sealed, &key).await?;
        Ok(Self { session: Session::new(contract.accepted(), &seed) })
    }

    /// The key at a place of the contract's list, as it travels: always the same bytes.
    ///
    /// # Errors
    /// When there is no such key, or the contract is of another scheme.
    #[wasm_bindgen(js_name = evaluationKey)]
    pub fn evaluation_key(
        &self,
        contract: &ModelContract,
        place: u32,
    ) -> Result<Vec<u8>, ClientError> {
        self.session.serves(contract.accepted()).map_err(refusal)?;
        self.session.key(&contract.key(place)?).map_err(refusal)
    }

    /// Encrypts the pixels that `prepareFile` or `preparePixels` gave, or those of several pictures one
    /// after another, where the model takes batches: a request as it travels, different every time.
    ///
    /// # Errors
    /// When the model reads no pictures, pictures of another size, or not as many.
    #[wasm_bindgen(js_name = encryptPicture)]
    pub fn encrypt_picture(
        &self,
        contract: &ModelContract,
        rgb: &Uint8Array,
    ) -> Result<Vec<u8>, ClientError> {
        let accepted = contract.accepted();
        let [_, rows, columns] = accepted.input().shape();
        let most = 3 * rows * columns * accepted.request().inputs();
        let rgb = input::bytes("the prepared picture", rgb, most, Code::InvalidArgument)?;
        self.encrypt_pixels(contract, &Zeroizing::new(rgb), &mut entropy()?)
    }

    /// Encrypts the numbers of an input, channels first, or of several one after another, where the
    /// model takes batches: a request as it travels, different every time.
    ///
    /// # Errors
    /// When there are not as many as the model reads, or one is no number or too large.
    #[wasm_bindgen(js_name = encryptValues)]
    pub fn encrypt_values(
        &self,
        contract: &ModelContract,
        values: &Float32Array,
    ) -> Result<Vec<u8>, ClientError> {
        let accepted = contract.accepted();
        let (found, expected) = (values.length() as usize, accepted.input().values());
        let most = accepted.request().inputs();
        // Before anything is copied.
        if found > expected * most {
            return Err(refusal(SessionError::Count { found, expected, most }));
        }
        let values = Zeroizing::new(values.to_vec());
        self.session.encrypt(accepted, &values, &mut entropy()?).map_err(refusal)
    }

    /// Decrypts an answer: the values that the contract names, all finite; of a model that takes
    /// batches, those of all inputs that a request holds, one input after another.
    ///
    /// # Errors
    /// When the answer is malformed.
    pub fn decrypt(
        &self,
        contract: &ModelContract,
        answer: &Uint8Array,
    ) -> Result<Vec<f64>, ClientError> {
        let accepted = contract.accepted();
        let answer = answer_bytes(accepted, answer)?;
        Ok(self.session.decrypt(accepted, &answer).map_err(refusal)?.to_vec())
    }

    /// Decrypts the label alone, where that is what the model answers: the number of a class, or
    /// nothing if no class leads by as much as the model asks for.
    ///
    /// # Errors
    /// When the model answers otherwise, or the answer is malformed or holds no label.
    #[wasm_bindgen(js_name = decryptLabel)]
    pub fn decrypt_label(
        &self,
        contract: &ModelContract,
        answer: &Uint8Array,
    ) -> Result<Option<u32>, ClientError> {
        let accepted = contract.accepted();
        let answer = answer_bytes(accepted, answer)?;
        let label = self.session.decrypt_label(accepted, &answer).map_err(refusal)?;
        Ok(label.map(|class| class as u32))
    }
}

fn answer_bytes(contract: &AcceptedContract, answer: &Uint8Array) -> Result<Vec<u8>, ClientError> {
    let most = contract.answer().byte_len(contract.set()) as usize;
    input::bytes("the answer", answer, most, Code::BadAnswer)
}

impl ClientKeys {
    fn encrypt_pixels(
        &self,
        contract: &ModelContract,
        rgb: &[u8],
        rng: &mut SecretRng,
    ) -> Result<Vec<u8>, ClientError> {
        let accepted = contract.accepted();
        let [_, rows, columns] = accepted.input().shape();
        let mut values = Zeroizing::new(Vec::with_capacity(rgb.len()));
        // Nothing is no picture either, which is for `prepare` to say.
        let pictures = rgb.len().div_ceil(3 * rows * columns).max(1);
        for picture in (0..pictures).map(|at| at * 3 * rows * columns) {
            let end = rgb.len().min(picture + 3 * rows * columns);
            let prepared = prepare(&rgb[picture..end], accepted.input())
                .map_err(|error: PrepareError| ClientError::new(Code::InvalidArgument, error))?;
            values.extend_from_slice(&prepared);
        }
        self.session.encrypt(accepted, &values, rng).map_err(refusal)
    }
}

fn refusal(error: SessionError) -> ClientError {
    let code = match error {
        SessionError::Answer(_)
        | SessionError::AnswerModulus { .. }
        | SessionError::Label(_)
        | SessionError::AnswerLabel
        | SessionError::AnswerValues => Code::BadAnswer,
        _ => Code::InvalidArgument,
    };
    ClientError::new(code, error)
}

fn entropy() -> Result<SecretRng, ClientError> {
    SecretRng::from_os().map_err(|error| ClientError::new(Code::NoEntropy, error))
}

#[cfg(test)]
mod tests {
    use blindsight_contract::testing::{batch_sample, sample, slots};
    use blindsight_contract::{InputData, PreparationData};

    use super::*;

    fn contract() -> ModelContract {
        ModelContract::accept(&sample().to_bytes()).unwrap()
    }

    fn keys(contract: &ModelContract) -> ClientKeys {
        let seed = ClientSeed::from_bytes(&[5; 32]);
        ClientKeys { session: Session::new(contract.accepted(), &seed) }
    }

    #[test]
    fn requests_have_their_length() {
        let contract = contract();
        let keys = keys(&contract);
        let mut rng = SecretRng::from_key(&[6; 32]);
        let request = keys.encrypt_pixels(&contract, &[200; 3072], &mut rng).unwrap();
        let accepted = contract.accepted();
        assert_eq!(request.len() as u64, accepted.request().byte_len(accepted.set()));
    }

    #[test]
    fn pictures_of_a_batch_stand_side_by_side() {
        let mut batch = batch_sample();
        let preparation = PreparationData::Picture { mean: vec![0.0], deviation: vec![1.0] };
        batch.input = InputData { shape: [1, 2, 2], preparation };
        slots(&mut batch).ciphertexts = 4;
        slots(&mut batch).slots[0].extent = [1, 2, 2];
        slots(&mut batch).slots[0].strides = [0, 2048, 1024];
        let contract = ModelContract::accept(&batch.to_bytes()).unwrap();
        let keys = keys(&contract);
        let request = |length: usize| {
            let mut rng = SecretRng::from_key(&[6; 32]);
            keys.encrypt_pixels(&contract, &vec![90; length], &mut rng)
        };
        let accepted = contract.accepted();
        for pictures in [1, 3, 1024] {
            let bytes = request(pictures * 12).unwrap();
            assert_eq!(bytes.len() as u64, accepted.request().byte_len(accepted.set()));
        }
        for wrong in [0, 11, 13, 1025 * 12] {
            assert_eq!(request(wrong).unwrap_err().code, Code::InvalidArgument, "{wrong}");
        }
    }

    #[test]
    fn wrong_inputs_are_refused() {
        let contract = contract();
        let keys = keys(&contract);
        for length in [0, 3071, 3073] {
            let mut rng = SecretRng::from_key(&[6; 32]);
            let refused = keys.encrypt_pixels(&contract, &vec![0; length], &mut rng).unwrap_err();
            assert_eq!(refused.code, Code::InvalidArgument);
        }
        assert_eq!(keys.evaluation_key(&contract, 6).unwrap_err().code, Code::InvalidArgument);
        for answer in [&[][..], b"BSGT", &[0; 90_000]] {
            let refused = keys.session.decrypt(contract.accepted(), answer).map_err(refusal);
            assert_eq!(refused.unwrap_err().code, Code::BadAnswer);
        }
    }
}
