//! The seed of a client, encrypted for storage.
//!
//! | bytes | |
//! |---|---|
//! | 1 | version of this layout: 1 |
//! | 12 | nonce of AES-GCM, random |
//! | 48 | the seed, encrypted, with its tag |
//!
//! The associated data are the version of the layout and [`Session::identity`]: a seed opens only
//! for the parameter set and the generation version that it was made for. So one seed serves every
//! model of one scheme, and none of another.

use blindsight_ckks_client::{ClientSeed, SecretRng};
use blindsight_contract::AcceptedContract;
use blindsight_session::Session;
use js_sys::Uint8Array;
use web_sys::CryptoKey;

use crate::error::{ClientError, Code};
use crate::web_crypto::{self, NONCE_BYTES, TAG_BYTES};

const VERSION: u8 = 1;

/// Length of a sealed seed.
pub(crate) const SEALED_BYTES: usize = 1 + NONCE_BYTES + ClientSeed::BYTES + TAG_BYTES;

/// Seals a seed.
pub(crate) async fn seal(
    associated: Vec<u8>,
    seed: &ClientSeed,
    rng: &mut SecretRng,
    key: &CryptoKey,
) -> Result<Vec<u8>, ClientError> {
    let mut nonce = [0; NONCE_BYTES];
    rng.fill_bytes(&mut nonce);
    let encrypted = web_crypto::encrypt(key, &nonce, &associated, seed.expose()).await?;
    Ok([&[VERSION][..], &nonce, &encrypted].concat())
}

/// Opens a sealed seed.
pub(crate) async fn open(
    associated: Vec<u8>,
    sealed: &[u8],
    key: &CryptoKey,
) -> Result<ClientSeed, ClientError> {
    let (nonce, encrypted) = split(sealed).ok_or_else(unreadable)?;
    let plain = web_crypto::decrypt(key, &nonce, &associated, encrypted).await;
    let plain: Uint8Array = plain.map_err(|_| unreadable())?;
    let fits = plain.length() as usize == ClientSeed::BYTES;
    let seed = fits.then(|| ClientSeed::filled(|seed| plain.copy_to(seed)));
    // The only copy outside this module's memory.
    plain.fill(0, 0, plain.length());
    seed.ok_or_else(unreadable)
}

/// What a seed is bound to.
pub(crate) fn associated_data(contract: &AcceptedContract) -> Vec<u8> {
    let label = b"blindsight sealed seed".as_slice();
    [label, &[VERSION], &Session::identity(contract)].concat()
}

/// Nonce and ciphertext.
fn split(sealed: &[u8]) -> Option<([u8; NONCE_BYTES], &[u8])> {
    if sealed.len() != SEALED_BYTES {
        return None;
    }
    let (version, rest) = sealed.split_first()?;
    let (nonce, encrypted) = rest.split_first_chunk()?;
    (*version == VERSION).then_some((*nonce, encrypted))
}

fn unreadable() -> ClientError {
    let message = "the stored secret cannot be opened: it is damaged, or was made for other keys";
    ClientError::new(Code::StorageCorrupt, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_blobs_of_this_version_are_read() {
        let mut sealed = vec![7; SEALED_BYTES];
        sealed[0] = VERSION;
        let (nonce, encrypted) = split(&sealed).unwrap();
        assert_eq!((nonce, encrypted.len()), ([7; 12], 48));
        assert!(split(&sealed[..SEALED_BYTES - 1]).is_none());
        assert!(split(&[sealed.as_slice(), &[0]].concat()).is_none());
        assert!(split(&[]).is_none());
        sealed[0] = 2;
        assert!(split(&sealed).is_none());
    }
}
