//! On real keys of the real set.

use blindsight_ckks_client::SecretRng;
use blindsight_exact::picture::ExactScores;
use blindsight_exact::{BinaryPicture, LabelCode};

use super::*;
use crate::tests::{both, numbers, phase};

/// So many values of so many terms with weights up to `most`, all drawn by the seed.
fn layer(values: usize, sources: usize, most: i32, magnitude: f64, seed: u64) -> Layer {
    let sum = |value: usize| {
        let drawn = numbers(sources + 1, 100 * seed + value as u64);
        let weight = |x: &f64| (x * (f64::from(most) + 0.5)).trunc() as i32;
        let terms = drawn[..sources].iter().enumerate().map(|(at, x)| (at as u32, weight(x)));
        Sum { terms: terms.collect(), constant: 0.01 * drawn[sources] }
    };
    Layer { magnitude, sums: (0..values).map(sum).collect() }
}

const PIXELS: usize = 144;

/// 144-12-8-4.
fn small() -> SignNetwork {
    let layers =
        vec![layer(12, PIXELS, 600, 0.25, 1), layer(8, 12, 3, 0.02, 2), layer(4, 8, 3, 0.01, 3)];
    SignNetwork::new(both().set, PIXELS, layers).unwrap()
}

fn pixels(seed: u64) -> Vec<bool> {
    numbers(PIXELS, 7000 + seed).iter().map(|x| *x > 0.0).collect()
}

fn encrypted(pixels: &[bool], seed: u8) -> BinaryPicture {
    let both = both();
    let mut rng = SecretRng::from_key(&[seed; 32]);
    let picture = both.family.encrypt_picture(pixels, &mut rng).unwrap();
    BinaryPicture::from_bytes(both.set, pixels.len(), &picture.to_bytes(both.set)).unwrap()
}

/// Decrypts signs as they come.
struct Decrypted(Vec<Vec<bool>>);

impl SignsObserver for Decrypted {
    fn signs(&mut self, layer: usize, signs: &[Lwe]) {
        assert_eq!(layer, self.0.len());
        self.0.push(signs.iter().map(|sign| phase(sign) > 0.0).collect());
    }
}

/// What every sum reads decides its sign and the scores, but where noise does; sums are far from zero
/// in units of it, or the seed would be another.
#[test]
fn encrypted_networks_compute_what_plain_ones_do() {
    let (both, network) = (both(), small());
    for seed in 0..6 {
        let pixels = pixels(seed);
        let mut decrypted = Decrypted(Vec::new());
        let picture = encrypted(&pixels, seed as u8);
        let scores = both.evaluator.network_scores(&network, &picture, &mut decrypted).unwrap();
        let mut read = pixels;
        for (layer, signs) in decrypted.0.into_iter().enumerate() {
            for (value, (sum, sign)) in network.sums(layer, &read).iter().zip(&signs).enumerate() {
                let near = sum.abs() < 6.0 * network.noise_of(layer, value);
                assert!(near || (*sum > 0.0) == *sign, "{seed}: {layer}, {value}: {sum}");
            }
            read = signs;
        }
        let answer = both.evaluator.scores_answer(&scores).to_bytes(both.set);
        let answer = ExactScores::from_bytes(both.set, 4, &answer).unwrap();
        let found = both.family.decrypt_scores(&answer);
        for (value, (found, sum)) in found.iter().zip(network.sums(2, &read)).enumerate() {
            let noise = network.noise_of(2, value).hypot(ExactScores::noise(both.set));
            // Bootstraps' noise is computed within a factor of three.
            assert!((found - sum).abs() < 6.0 * 3.0 * noise, "{seed}: {found} {sum} {noise}");
        }
    }
}

/// Pixels and weights meet in the ring without anything but the rounding of the picture.
#[test]
fn sums_of_pixels_are_as_noisy_as_computed() {
    let both = both();
    let first = layer(200, PIXELS, 3000, 0.25, 5);
    let network =
        SignNetwork::new(both.set, PIXELS, vec![first, layer(2, 200, 1, 1e-4, 6)]).unwrap();
    let mut errors = Vec::new();
    for seed in 0..4 {
        let pixels = pixels(seed);
        let picture = encrypted(&pixels, 50 + seed as u8);
        let sums = network.first.sums(both.set, &picture, &network.layers[0]);
        for (value, (found, sum)) in sums.iter().zip(network.sums(0, &pixels)).enumerate() {
            let error = phase(found) - sum;
            let weights = network.layers[0].sums[value].terms.iter();
            let norm = weights.map(|(_, w)| f64::from(*w).powi(2)).sum::<f64>().sqrt();
            errors.push((error - error.round()) / (norm * BinaryPicture::noise()));
        }
    }
    // Sums of one picture share its 144 errors: 576 in all, whose deviation is known within 3 %.
    let found = (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt();
    assert!((found - 1.0).abs() < 0.15, "{found}");
}

#[test]
fn labels_are_those_of_the_largest_score() {
    let (both, network) = (both(), small());
    let pixels = pixels(1);
    let scores = network.plain(&pixels);
    let best = (0..4).max_by(|&i, &j| scores.scores()[i].total_cmp(&scores.scores()[j]));
    let mut entropy = Entropy::from_key([3; 32]);
    let picture = encrypted(&pixels, 9);
    let label = both.evaluator.network_label(&network, &picture, &mut entropy).unwrap();
    let code = LabelCode::new(both.set, 4).unwrap();
    assert_eq!(both.family.decrypt(code, &label), best);
}

#[test]
fn pictures_of_other_networks_are_refused() {
    let (both, network) = (both(), small());
    for found in [0, PIXELS - 1, PIXELS + 1] {
        let picture = encrypted(&vec![true; found], 1);
        let refused = both.evaluator.network_scores(&network, &picture, &mut ()).unwrap_err();
        let expected = PIXELS;
        assert!(
            matches!(refused, ExactError::Pixels { expected: e, found: f } if (e, f) == (expected, found))
        );
    }
    let refused = both.family.encrypt_picture(&[true; 2049], &mut SecretRng::from_key(&[1; 32]));
    assert_eq!(refused.unwrap_err().to_string(), "2049 pixels: one sample has room for 2048");
}

#[test]
fn impossible_networks_are_refused() {
    let set = both().set;
    let good = || vec![layer(3, 9, 5, 0.25, 1), layer(2, 3, 9, 0.001, 2)];
    let refused = |change: fn(&mut Vec<Layer>)| {
        let mut layers = good();
        change(&mut layers);
        SignNetwork::new(set, 9, layers).unwrap_err()
    };
    assert!(SignNetwork::new(set, 9, good()).is_ok());
    let range = |what, layer, value| NetworkError::Range { what, layer, value };
    assert_eq!(refused(Vec::clear), NetworkError::Layers { layers: 0 });
    assert_eq!(refused(|l| l[0].sums.clear()), NetworkError::Values { layer: 0, values: 0 });
    assert_eq!(refused(|l| l[1].sums[1].terms[0].0 = 3), range("a source", 1, 1));
    assert_eq!(refused(|l| l[0].sums[2].constant = f64::NAN), range("the constant", 0, 2));
    assert_eq!(refused(|l| l[1].magnitude = 0.0), range("the magnitude of signs", 1, 0));
    assert_eq!(refused(|l| l[1].magnitude = f64::NAN), range("the magnitude of signs", 1, 0));
    let heavy = |l: &mut Vec<Layer>| l[0].sums[0].terms = vec![(0, i32::MAX), (1, i32::MIN)];
    assert_eq!(refused(heavy), range("the sum of weights", 0, 0));
    assert!(matches!(refused(|l| l[1].magnitude = 0.2), NetworkError::Scores { .. }));
    assert!(matches!(refused(|l| l[1].sums.truncate(1)), NetworkError::Scores { .. }));
    for pixels in [0, 2049] {
        let refused = SignNetwork::new(set, pixels, good()).unwrap_err();
        assert_eq!(refused, NetworkError::Pixels { pixels, most: 2048 });
    }
}
