//! What the tests share.

use std::sync::LazyLock;

use blindsight_ckks::parameters::Parameters;
use blindsight_ckks::wire::frame::{HEADER_BYTES, Header, Writer};
use blindsight_ring::{Coefficients, Limb, Poly};

use crate::sampling::SecretRng;
use crate::secret::SecretKey;

pub(crate) fn set() -> &'static Parameters {
    static SET: LazyLock<Parameters> = LazyLock::new(|| Parameters::degree_15().unwrap());
    &SET
}

pub(crate) fn secret() -> &'static SecretKey {
    static SECRET: LazyLock<SecretKey> =
        LazyLock::new(|| SecretKey::generate(set(), &mut rng(0xC1)));
    &SECRET
}

pub(crate) fn rng(seed: u8) -> SecretRng {
    SecretRng::from_key([seed; 32])
}

/// The frame with the checksum that fits its payload.
pub(crate) fn reseal(frame: &[u8]) -> Vec<u8> {
    let header = Header::parse(frame).unwrap();
    let mut writer = Writer::new(header.kind(), header.parameters(), frame.len());
    writer.bytes(&frame[HEADER_BYTES..]);
    writer.finish()
}

/// The centred residues of one limb.
pub(crate) fn centred(poly: &Poly<Coefficients>, limb: usize) -> Vec<i64> {
    let q = poly.basis().primes()[limb].value() as i64;
    let residue = |i| Limb::get(&poly.limbs()[limb], i) as i64;
    let degree = poly.limbs()[limb].len();
    (0..degree).map(|i| if 2 * residue(i) > q { residue(i) - q } else { residue(i) }).collect()
}

/// Mean and standard deviation.
pub(crate) fn moments(samples: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let (mut count, mut sum, mut squares) = (0.0, 0.0, 0.0);
    for x in samples {
        count += 1.0;
        sum += x;
        squares += x * x;
    }
    let mean = sum / count;
    (mean, (squares / count - mean * mean).sqrt())
}
