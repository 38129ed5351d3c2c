//! AES-GCM by the platform.

use js_sys::{ArrayBuffer, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

use crate::error::{ClientError, Code};

pub(crate) const NONCE_BYTES: usize = 12;
pub(crate) const TAG_BYTES: usize = 16;

/// The ciphertext, with its tag at the end.
pub(crate) async fn encrypt(
    key: &CryptoKey,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    plain: &[u8],
) -> Result<Vec<u8>, ClientError> {
    let algorithm = algorithm(nonce, associated)?;
    // The platform copies the bytes before it returns: no copy of ours is left to wipe.
    let promise = subtle()?.encrypt_with_object_and_u8_array(&algorithm, key, plain);
    Ok(finished(promise).await?.to_vec())
}

/// The plaintext, in memory of JavaScript: for the caller to wipe.
pub(crate) async fn decrypt(
    key: &CryptoKey,
    nonce: &[u8; NONCE_BYTES],
    associated: &[u8],
    encrypted: &[u8],
) -> Result<Uint8Array, ClientError> {
    let algorithm = algorithm(nonce, associated)?;
    let promise = subtle()?.decrypt_with_object_and_u8_array(&algorithm, key, encrypted);
    finished(promise).await
}

fn algorithm(nonce: &[u8], associated: &[u8]) -> Result<Object, ClientError> {
    let algorithm = Object::new();
    let fields: [(&str, JsValue); 3] = [
        ("name", "AES-GCM".into()),
        ("iv", Uint8Array::from(nonce).into()),
        ("additionalData", Uint8Array::from(associated).into()),
    ];
    for (name, value) in fields {
        Reflect::set(&algorithm, &name.into(), &value).map_err(|_| unsupported())?;
    }
    Ok(algorithm)
}

async fn finished(promise: Result<js_sys::Promise, JsValue>) -> Result<Uint8Array, ClientError> {
    let refused = |_: JsValue| {
        ClientError::new(Code::UnsupportedEnvironment, "WebCrypto refused the key or the data")
    };
    let value = JsFuture::from(promise.map_err(refused)?).await.map_err(refused)?;
    let buffer: ArrayBuffer = value.dyn_into().map_err(refused)?;
    Ok(Uint8Array::new(&buffer))
}

/// Neither window nor worker: both, and Node, have it as a global.
fn subtle() -> Result<SubtleCrypto, ClientError> {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(|_| unsupported())?;
    if crypto.is_undefined() {
        return Err(unsupported());
    }
    let subtle = crypto.unchecked_into::<Crypto>().subtle();
    // Outside secure contexts the property is undefined, whatever its type says.
    if subtle.is_undefined() { Err(unsupported()) } else { Ok(subtle) }
}

fn unsupported() -> ClientError {
    let message = "WebCrypto is missing: it needs HTTPS or localhost";
    ClientError::new(Code::UnsupportedEnvironment, message)
}
