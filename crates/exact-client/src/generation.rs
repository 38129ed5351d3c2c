//! One sample of the evaluator's key.

use blindsight_ckks_client::{SecretPoly, SecretRng};
use blindsight_exact::keys::level_factors;
use blindsight_exact::sampling::bounded_uniform;
use blindsight_exact::{Decomposition, ExactParameters, KeyPart, SeededPiece, TorusRing};
use blindsight_ring::NttMontgomery;
use blindsight_ring::sampling::Seed;
use zeroize::Zeroizing;

use crate::secret::ExactSecret;

/// What the samples of a part are made of.
pub(crate) struct Generation<'a> {
    pub(crate) set: &'a ExactParameters,
    pub(crate) part: KeyPart,
    pub(crate) seed: Seed,
    pub(crate) secret: &'a ExactSecret,
    /// The dense secret of CKKS, and never the sparse one.
    pub(crate) scheme_secret: &'a [i8],
    pub(crate) ring: &'a TorusRing,
    pub(crate) ring_secret: &'a SecretPoly<NttMontgomery>,
}

impl Generation<'_> {
    /// Appends the rounded body of a sample: `<a, secret> + e + message`.
    pub(crate) fn append_body(&self, sample: usize, errors: &mut SecretRng, out: &mut Vec<u64>) {
        let (set, part) = (self.set, self.part);
        let mut mask = vec![0; part.mask_len(set)];
        part.expand_mask(&self.seed, sample, &mut mask);
        let mut body = Zeroizing::new(vec![0; part.body_len(set)]);
        if part.is_under_ring_secret() {
            ring_product(self.ring, self.ring_secret, &mask, &mut body);
        } else {
            body[0] = product(&mask, self.secret.lwe());
        }
        self.add_message(sample, &mut body);
        for number in body.iter_mut() {
            let error = bounded_uniform(errors.next_u64(), part.log2_error(set));
            *number = number.wrapping_add(error as u64);
        }
        // From here on it is public.
        out.extend(body.iter().map(|number| SeededPiece::round(set, part, *number)));
    }

    fn add_message(&self, sample: usize, body: &mut [u64]) {
        let literal = self.set.literal();
        match self.part {
            KeyPart::Bootstrap => {
                let (index, row) = (sample / 2, sample % 2);
                let (bit, factor) = split(index, literal.bootstrap);
                let message = factor & (self.secret.lwe()[bit] as u64).wrapping_neg();
                if row == 0 {
                    // Minus S times the bit.
                    let coefficients = body.iter_mut().zip(self.secret.ring());
                    coefficients.for_each(|(b, &s)| {
                        *b = b.wrapping_sub(message & (s as u64).wrapping_neg());
                    });
                } else {
                    body[0] = body[0].wrapping_add(message);
                }
            }
            KeyPart::KeySwitch => {
                let (index, factor) = split(sample, literal.key_switch);
                let bit = self.secret.ring()[index] as u64;
                body[0] = body[0].wrapping_add(factor & bit.wrapping_neg());
            }
            KeyPart::Bridge => {
                let (index, factor) = split(sample, literal.bridge);
                let coefficients = self.scheme_secret.iter().skip(index).step_by(self.set.parts());
                for (b, s) in body.iter_mut().zip(coefficients) {
                    *b = b.wrapping_add(factor.wrapping_mul(i64::from(*s) as u64));
                }
            }
            KeyPart::Zero => {}
        }
    }
}

/// Writes a mask's product with `S`.
pub(crate) fn ring_product(
    ring: &TorusRing,
    ring_secret: &SecretPoly<NttMontgomery>,
    mask: &[u64],
    out: &mut [u64],
) {
    let product = ring.residues(mask).multiply(ring_secret);
    // In place: no residue is left elsewhere.
    let mut product = product.into_coefficients();
    ring.words(&product, out);
    product.zeroize();
}

/// The scalar product with bits. Each costs the same: a mask, no branch.
pub(crate) fn product(mask: &[u64], bits: &[i8]) -> u64 {
    let terms = mask.iter().zip(bits);
    terms.fold(0, |sum, (a, &bit)| sum.wrapping_add(a & (bit as u64).wrapping_neg()))
}

/// What a sample encrypts, and the factor of its level.
fn split(sample: usize, decomposition: Decomposition) -> (usize, u64) {
    let levels = decomposition.levels as usize;
    // There are as many factors as levels.
    let factor = level_factors(decomposition).nth(sample % levels).unwrap_or(0);
    (sample / levels, factor)
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use blindsight_ckks::parameters::{Literal as SchemeLiteral, Parameters};
    use blindsight_ckks_client::{ClientSeed, KeyFamily};
    use blindsight_exact::sampling::deviation;
    use blindsight_exact::{KeyPiece, LabelCiphertext, LabelCode, Literal};

    use crate::family::{ExactFamily, FamilyError};

    use super::*;

    fn scheme() -> &'static Parameters {
        static SET: LazyLock<Parameters> =
            LazyLock::new(|| Parameters::new(SchemeLiteral::bootstrapped_2_15()).unwrap());
        &SET
    }

    fn set() -> &'static ExactParameters {
        static SET: LazyLock<ExactParameters> =
            LazyLock::new(|| ExactParameters::new(Literal::degree_2048(), scheme()).unwrap());
        &SET
    }

    fn keys() -> &'static KeyFamily {
        static KEYS: LazyLock<KeyFamily> =
            LazyLock::new(|| KeyFamily::new(scheme(), &ClientSeed::from_bytes(&[4; 32])));
        &KEYS
    }

    fn family() -> ExactFamily<'static> {
        ExactFamily::new(set(), scheme(), keys()).unwrap()
    }

    /// The secrets once more, as the family derives them.
    fn secret() -> ExactSecret {
        let stream = |name| keys().stream(&crate::family::stream_name(set(), name));
        ExactSecret::sample(set(), &mut stream("ring secret"), &mut stream("LWE secret"))
    }

    /// Body minus mask times secret, by the schoolbook.
    fn phase(part: KeyPart, seed: Seed, sample: usize, body: &[u64]) -> Vec<i64> {
        let mut mask = vec![0; part.mask_len(set())];
        part.expand_mask(&seed, sample, &mut mask);
        let dropped = 64 - part.body_bits(set());
        let mut phase: Vec<u64> = body.iter().map(|b| b << dropped).collect();
        let secret = secret();
        if part.is_under_ring_secret() {
            for (i, _) in secret.ring().iter().enumerate().filter(|(_, bit)| **bit == 1) {
                for (j, a) in mask.iter().enumerate() {
                    let to = &mut phase[(i + j) % mask.len()];
                    *to =
                        if i + j < mask.len() { to.wrapping_sub(*a) } else { to.wrapping_add(*a) };
                }
            }
        } else {
            let terms = mask.iter().zip(secret.lwe()).filter(|(_, bit)| **bit == 1);
            phase[0] = terms.fold(phase[0], |sum, (a, _)| sum.wrapping_sub(*a));
        }
        phase.into_iter().map(|x| x as i64).collect()
    }

    /// Errors are as large as the table of security demands, and no larger than noise is computed
    /// with.
    #[test]
    fn samples_hold_their_messages_with_errors_of_the_right_size() {
        let family = family();
        let secret = secret();
        for part in KeyPart::ALL {
            let first: Vec<usize> = match part {
                KeyPart::Zero => vec![0],
                KeyPart::KeySwitch => (0..400).collect(),
                _ => vec![0, 1, 2, 3, part.samples(set()) - 1],
            };
            let (mut squares, mut count) = (0.0, 0.0);
            for sample in first {
                let piece = KeyPiece::of(part, set()).find(|p| p.samples(set()).contains(&sample));
                let piece = piece.unwrap();
                let body = family.bodies(piece, sample..sample + 1);
                let mut found = phase(part, family.seed(piece), sample, &body);
                let mut message = vec![0_i64; found.len()];
                match part {
                    KeyPart::Bootstrap => {
                        let bit = i64::from(secret.lwe()[sample / 2]) << 41;
                        if sample % 2 == 0 {
                            let s = secret.ring().iter();
                            message = s.map(|s| -i64::from(*s) * bit).collect();
                        } else {
                            message[0] = bit;
                        }
                    }
                    KeyPart::KeySwitch => {
                        let bit = u64::from(secret.ring()[sample / 4] as u8);
                        message[0] = (bit << (48 + 4 * (sample % 4))) as i64;
                    }
                    KeyPart::Bridge => {
                        let dense = keys().secret().dense();
                        let part = dense.iter().skip(sample).step_by(16);
                        message = part.map(|s| i64::from(*s) << 41).collect();
                    }
                    KeyPart::Zero => {}
                }
                found.iter_mut().zip(message).for_each(|(x, m)| *x = x.wrapping_sub(m));
                squares += found.iter().map(|x| (*x as f64).powi(2)).sum::<f64>();
                count += found.len() as f64;
            }
            let rounding = 2_f64.powi(64 - part.body_bits(set()) as i32) / 12_f64.sqrt();
            let expected = deviation(part.log2_error(set())).hypot(rounding);
            let found = (squares / count).sqrt();
            // Five standard deviations of the estimate: the kurtosis of a uniform variable is 1.8.
            let tolerance = 5.0 * (0.8 / count).sqrt() / 2.0;
            assert!((found / expected - 1.0).abs() < tolerance, "{part:?}: {found}, {expected}");
        }
    }

    #[test]
    fn pieces_are_the_same_in_stretches_and_again() {
        let (first, second) = (family(), family());
        let piece = |part| KeyPiece::of(part, set()).next().unwrap();
        let (bridge, zero) = (piece(KeyPart::Bridge), piece(KeyPart::Zero));
        let whole = first.piece(bridge);
        assert_eq!(whole.bodies[5 * 2048..7 * 2048], second.bodies(bridge, 5..7));
        assert_eq!(whole.seed, second.seed(bridge));
        assert_ne!(whole.seed, second.seed(zero));
        let bytes = whole.to_bytes(set());
        assert_eq!(SeededPiece::from_bytes(set(), bridge, &bytes), Ok(whole));
        let mut pieces = KeyPiece::of(KeyPart::Bootstrap, set());
        let [one, other] = [pieces.next().unwrap(), pieces.next().unwrap()];
        assert_ne!(first.seed(one), first.seed(other));
    }

    #[test]
    fn labels_are_decrypted() {
        let (family, secret) = (family(), secret());
        let code = LabelCode::new(set(), 10).unwrap();
        let mut rng = SecretRng::from_key(&[5; 32]);
        for label in 0..10 {
            let mask: Vec<u16> = (0..2048).map(|_| (rng.next_u64() & 0x3FFF) as u16).collect();
            let terms = mask.iter().zip(secret.ring()).filter(|(_, bit)| **bit == 1);
            let product = terms.fold(0_u16, |sum, (a, _)| sum.wrapping_add(*a));
            let message = (label as f64 / 18.0 * 16384.0).round() as u16;
            let body = product.wrapping_add(message) & 0x3FFF;
            let ciphertext = LabelCiphertext { mask, body };
            assert_eq!(family.decrypt(code, &ciphertext), Some(label));
        }
    }

    #[test]
    fn another_scheme_is_refused() {
        let literal = SchemeLiteral { sparse_weight: None, ..SchemeLiteral::bootstrapped_2_15() };
        let other = Parameters::new(literal).unwrap();
        let error = ExactFamily::new(set(), &other, keys()).unwrap_err();
        assert!(matches!(error, FamilyError::OtherScheme));
    }

    #[test]
    fn secrets_are_not_printed() {
        let text = format!("{:?}", family());
        assert!(text.contains("ExactSecret(..)") && text.contains("RingSecret(..)"), "{text}");
    }
}
