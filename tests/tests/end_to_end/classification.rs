//! Whole classifications, with every layer held against the same network in the clear.
//!
//! Three comparisons for each layer, all in units of the activation's range:
//! - the bootstrap alone: its output against the trigonometric polynomial of its decrypted input;
//! - the noise of the layers so far: input and output against the plain run of the lowered network
//!   with the same polynomials;
//! - what the encryption changes in all: output against the plain run with the exact function.

use blindsight_ckks::ciphertext::Ciphertext;
use blindsight_engine::{Observer, Operation, RunObserver, Step};
use blindsight_model::plain::PlainNetwork;
use blindsight_model::tensor::{Shape, Tensor};

use crate::fixture::{client, graph, lowered, model, sample};

/// Root of the mean squared error of one bootstrap, and its largest error.
const BOOTSTRAP: [f64; 2] = [2e-4, 3e-3];
/// Root of the mean squared error that noise leaves in any layer: that of the layers before it,
/// amplified by what follows.
const NOISE: f64 = 8e-4;
/// The same with the error of the polynomials, which is far larger.
const APPROXIMATION: f64 = 1e-2;
/// Largest error of a score from noise, and from everything; scores reach from -9 to 26.
const SCORE_NOISE: f64 = 0.1;
const SCORE: f64 = 1.0;

const PICTURES: [&str; 10] = [
    "03-cat-0.png",
    "00-airplane-0.png",
    "01-automobile-1.png",
    "02-bird-2.png",
    "04-deer-3.png",
    "05-dog-0.png",
    "06-frog-1.png",
    "07-horse-2.png",
    "08-ship-3.png",
    "09-truck-0.png",
];

#[test]
fn every_layer_stays_within_its_bound_and_the_label_is_right() {
    let count = if std::env::var_os("BLINDSIGHT_LONG").is_some() { PICTURES.len() } else { 1 };
    for (seed, name) in (10..).zip(&PICTURES[..count]) {
        let picture = sample(name);
        let references = Reference::both(&picture);
        let mut layers = Layers { references: &references, linear: Vec::new(), seen: 0, steps: 0 };
        let request = client().request(&picture, seed);
        let answer = model().evaluate(&client().keys, &request, &mut layers).unwrap();
        assert_eq!(layers.seen, 19, "{name}");
        assert_eq!(layers.steps, 21, "{name}: once before each block and the head, and at the end");

        let scores = client().scores(&answer);
        let plain = PlainNetwork::new(graph().clone()).run(&picture).unwrap();
        let plain: Vec<f64> = plain.values().iter().copied().map(f64::from).collect();
        let [approximated, exact] = references.map(|reference| reference.scores);
        assert!(largest_difference(&exact, &plain) < 1e-3, "{name}: lowering");
        let noise = largest_difference(&scores, &approximated);
        let error = largest_difference(&scores, &plain);
        println!("{name}: scores off by {noise:.3} of noise, {error:.3} in all");
        assert!(noise < SCORE_NOISE, "{name}: {scores:?} instead of {approximated:?}");
        assert!(error < SCORE, "{name}: {scores:?} instead of {plain:?}");
        assert_eq!(best(&scores), best(&plain), "{name}");
        assert_eq!(name[..2].parse(), Ok(best(&scores)), "{name}");
    }
}

/// A plain run: each block's values before and after its activation, and the scores.
struct Reference {
    layers: Vec<[Tensor; 2]>,
    scores: Vec<f64>,
}

impl Reference {
    /// With the polynomials of the encrypted network, and with the exact functions.
    fn both(picture: &Tensor) -> [Self; 2] {
        let polynomials = &model().steps().unwrap().program().activations;
        let fill = model().steps().unwrap().program().bootstrap.as_ref().unwrap().fill;
        [
            Self::new(picture, |block, u| polynomials[block].eval(fill * u)),
            Self::new(picture, lowered().exact()),
        ]
    }

    fn new(picture: &Tensor, function: impl FnMut(usize, f64) -> f64) -> Self {
        let lowered = lowered();
        let mut layers = Vec::new();
        let observe = |_, before: &Tensor, after: &Tensor| {
            layers.push([before.clone(), after.clone()]);
        };
        let scores = lowered.run_observed(picture, function, observe).unwrap();
        let bound = f64::from(lowered.head.bound);
        Self { layers, scores: scores.iter().map(|&s| f64::from(s) * bound).collect() }
    }
}

/// Decrypts and compares everything that passes.
struct Layers<'a> {
    references: &'a [Reference; 2],
    /// The decrypted input of the current block's activation.
    linear: Vec<Tensor>,
    seen: usize,
    steps: usize,
}

impl Observer for Layers<'_> {}

impl RunObserver for Layers<'_> {
    fn progress(&mut self, done: usize, total: usize) -> std::ops::ControlFlow<()> {
        assert_eq!((done, total), (self.steps, 20));
        self.steps += 1;
        std::ops::ControlFlow::Continue(())
    }

    fn step(&mut self, index: usize, step: &Step, result: &Ciphertext) {
        // The program's last layer is the head.
        let steps = &model().steps().unwrap().program().steps;
        let bootstraps = |step: &Step| matches!(step.operation, Operation::Bootstrap { .. });
        if bootstraps(step) {
            self.activated(step.layer, result);
        } else if steps.get(index + 1).is_some_and(bootstraps) {
            self.linear(step.layer, result);
        }
    }
}

impl Layers<'_> {
    fn linear(&mut self, block: usize, result: &Ciphertext) {
        let levels = model().steps().unwrap().scheme().circuit().bootstrap().unwrap().levels();
        assert_eq!(result.level(), levels.slots_to_coefficients);
        self.linear = client().feature_maps(result, self.shape(block));
        let [before, _] = &self.references[0].layers[block];
        for copy in &self.linear {
            let [rms, _] = errors(copy, before.values().iter().copied());
            println!("block {block}: input {rms:.2e}");
            assert!(rms < NOISE, "block {block}: the input is off by {rms:.2e}");
        }
    }

    fn activated(&mut self, block: usize, result: &Ciphertext) {
        let polynomial = &model().steps().unwrap().program().activations[block];
        let fill = model().steps().unwrap().program().bootstrap.as_ref().unwrap().fill;
        let copies = client().feature_maps(result, self.shape(block));
        assert_eq!(copies.len(), self.linear.len());
        for (copy, input) in copies.iter().zip(&self.linear) {
            let exact = input.values().iter().map(|&u| polynomial.eval(fill * f64::from(u)) as f32);
            let [rms, max] = errors(copy, exact);
            let [noise, approximation] = [0, 1].map(|kind| {
                let [_, after] = &self.references[kind].layers[block];
                errors(copy, after.values().iter().copied())[0]
            });
            println!(
                "block {block}: bootstrap {rms:.2e} (at most {max:.2e}), output {noise:.2e} \
                 with polynomials, {approximation:.2e} in all"
            );
            assert!(rms < BOOTSTRAP[0], "block {block}: the bootstrap is off by {rms:.2e}");
            assert!(max < BOOTSTRAP[1], "block {block}: the bootstrap is off by up to {max:.2e}");
            assert!(noise < NOISE, "block {block}: the output is off by {noise:.2e}");
            assert!(approximation < APPROXIMATION, "block {block}: {approximation:.2e} in all");
        }
        self.seen += 1;
    }

    fn shape(&self, block: usize) -> Shape {
        lowered().blocks[block].shape
    }
}

/// Root of the mean square, and largest.
fn errors(found: &Tensor, expected: impl ExactSizeIterator<Item = f32>) -> [f64; 2] {
    assert_eq!(found.values().len(), expected.len());
    let count = expected.len() as f64;
    let differences = found.values().iter().zip(expected).map(|(x, y)| f64::from((x - y).abs()));
    let (squares, max) =
        differences.fold((0.0, 0.0_f64), |(squares, max), d| (squares + d * d, max.max(d)));
    [(squares / count).sqrt(), max]
}

fn best(scores: &[f64]) -> usize {
    (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b])).unwrap()
}

fn largest_difference(x: &[f64], y: &[f64]) -> f64 {
    assert_eq!(x.len(), y.len());
    x.iter().zip(y).map(|(x, y)| (x - y).abs()).fold(0.0, f64::max)
}
