use blindsight_ckks::encoding::Complex64;
use blindsight_ckks::parameters::Literal;
use blindsight_ckks_client::{ClientSeed, KeyFamily, SecretRng, decrypt_product, encrypt};

use super::*;

/// Two primes as wide as weights of six bits allow, and a narrow one, in a small ring.
fn set() -> Arc<Parameters> {
    set_of(&[46, 45, 30])
}

/// Primes of so many bits, all different, in a small ring.
fn set_of(bits: &[u32]) -> Arc<Parameters> {
    let literal = Literal {
        log_degree: 8,
        chain: primes(bits),
        wide_special: Vec::new(),
        narrow_special: Vec::new(),
        sparse_weight: None,
    };
    Arc::new(Parameters::insecure(literal).unwrap())
}

/// The largest prime of so many bits for each.
fn primes(bits: &[u32]) -> Vec<u64> {
    let largest = |&bits: &u32| {
        let order = 512;
        let candidates = (1..).map(|k| (1_u64 << bits) - k * order + 1);
        candidates.into_iter().find(|&q| Prime::new(q, 256).is_ok()).unwrap()
    };
    bits.iter().map(largest).collect()
}

fn layer(blocks: Vec<BlockPlan>, bias: Vec<f64>, square: bool) -> LayerPlan {
    LayerPlan { blocks, bits: 6, weight_scale: 8.0, bias, square }
}

fn block(inputs: &[u32], outputs: &[u32], seed: i64) -> BlockPlan {
    let count = (inputs.len() * outputs.len()) as i64;
    let weights = (0..count).map(|i| ((i * 37 + seed * 11) % 63 - 31) as i8).collect();
    BlockPlan { inputs: inputs.to_vec(), outputs: outputs.to_vec(), weights }
}

/// 5 values to 10 (two blocks, one sum without weights), squared, to 9, squared, to 3.
fn plan() -> BatchPlan {
    let bias = |count: usize| (0..count).map(|i| i as f64 / 4.0 - 1.0).collect::<Vec<_>>();
    let outputs: Vec<u32> = (0..9).collect();
    BatchPlan {
        inputs: 5,
        layers: vec![
            layer(
                vec![block(&[0, 2, 4], &[9, 0, 1, 3], 1), block(&[1, 3], &[2, 4, 5, 6, 7], 2)],
                bias(10),
                true,
            ),
            layer(vec![block(&[0, 3, 5, 9, 8], &outputs, 3)], bias(9), true),
            layer(vec![block(&outputs, &[0, 1, 2], 4)], vec![-500.0, 0.0, 900.0], false),
        ],
    }
}

/// The network in the clear.
fn plain(plan: &BatchPlan, input: &[f64]) -> Vec<f64> {
    plan.layers.iter().fold(input.to_vec(), |values, layer| {
        let mut sums = layer.bias.clone();
        for block in &layer.blocks {
            for (weights, &output) in block.weights.chunks(block.inputs.len()).zip(&block.outputs) {
                for (&w, &input) in weights.iter().zip(&block.inputs) {
                    sums[output as usize] +=
                        f64::from(w) / layer.weight_scale * values[input as usize];
                }
            }
        }
        sums.iter().map(|sum| if layer.square { sum * sum } else { *sum }).collect()
    })
}

/// 5 values to 10, 9, 4 and 2, squared each time, to 3.
fn deep_plan() -> BatchPlan {
    let mut plan = plan();
    let four: Vec<u32> = (0..4).collect();
    let nine: Vec<u32> = (0..9).collect();
    plan.layers[2] = layer(vec![block(&nine, &four, 4)], vec![-500.0, 0.0, 900.0, 1.0], true);
    plan.layers.push(layer(vec![block(&four, &[0, 1, 2], 5)], vec![0.0, 1e5, -1e5], false));
    plan
}

#[test]
fn a_network_runs_on_every_slot() {
    let (set, plan) = (set(), plan());
    for level in [2, 3] {
        runs(&set, level, 2_f64.powi(14), &plan, [3, 5]);
    }
}

#[test]
fn what_is_not_read_is_not_needed() {
    let mut plan = plan();
    plan.inputs = 9;
    for block in &mut plan.layers[0].blocks {
        block.inputs.iter_mut().for_each(|input| *input = 2 * *input - u32::from(*input == 4));
    }
    let circuit = BatchCircuit::new(&set(), 2, 1024.0, &plan).unwrap();
    assert_eq!(circuit.reads(), [0, 2, 4, 6, 7]);
    runs(&set(), 2, 2_f64.powi(14), &plan, [3, 5]);
}

/// The result leaves 128 bits, and all its limbs are read.
#[test]
fn three_squares_run_one_after_another() {
    let (set, plan) = (set_of(&[46, 45, 44, 43, 42]), deep_plan());
    let scale = 2_f64.powi(15);
    let result = plan.check(&set, 5, scale).unwrap();
    assert!(result.scale > 2_f64.powi(140), "{}", result.scale.log2());
    runs(&set, 5, scale, &plan, [3, 9]);
}

/// Every slot of every value of the result is what the network in the clear gives, at most some hundredths
/// off; the result has so many values and parts.
fn runs(set: &Arc<Parameters>, level: usize, scale: f64, plan: &BatchPlan, result: [usize; 2]) {
    let mut rng = SecretRng::from_key(&[5; 32]);
    let keys = KeyFamily::new(set, &ClientSeed::generate(&mut rng));
    let slots = set.slots();
    let value = |v: usize, slot: usize| ((v * 31 + slot * 7) % 17) as f64 / 16.0 - 0.5;
    let inputs: Vec<Ciphertext> = (0..plan.inputs)
        .map(|v| {
            let values: Vec<_> =
                (0..slots).map(|slot| Complex64::new(value(v, slot), 0.0)).collect();
            encrypt(set, keys.secret(), &values, scale, level, &mut rng).unwrap().expand()
        })
        .collect();
    let circuit = BatchCircuit::new(set, level, scale, plan).unwrap();
    let inputs: Vec<Ciphertext> = circuit.reads().iter().map(|&v| inputs[v].clone()).collect();
    let mut stretches = Vec::new();
    let results = circuit.run(&inputs, |done| {
        stretches.push(done);
        ControlFlow::Continue(())
    });
    let results = results.unwrap().unwrap();
    assert_eq!(stretches, [1, 2, 3, 4]);
    assert_eq!([results.len(), circuit.result().parts], result);
    let decrypted: Vec<_> =
        results.iter().map(|result| decrypt_product(set, keys.secret(), result)).collect();
    // For each value, how far it is off and how large it is, root mean square over the slots.
    let mut squares = vec![[0.0; 2]; results.len()];
    for slot in 0..slots {
        let input: Vec<f64> = (0..plan.inputs).map(|v| value(v, slot)).collect();
        let values = decrypted.iter().zip(plain(plan, &input));
        for ([error, size], (found, expected)) in squares.iter_mut().zip(values) {
            *error += (found[slot].re - expected).powi(2);
            *size += expected.powi(2);
        }
    }
    // Noise of 36 over 2^14 in each value of an input.
    let fits = |[error, size]: &[f64; 2]| error.sqrt() < 0.03 * size.sqrt();
    assert!(squares.iter().all(fits), "{squares:?}");
    let ended = circuit.run(&inputs, |_| ControlFlow::Break(()));
    assert!(ended.unwrap().is_none());
    let missing = circuit.run(&inputs[1..], |_| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(missing, BatchError::Inputs { found: 4, expected: 5 });
}

#[test]
fn what_does_not_fit_is_refused() {
    let set = set();
    let refused = |change: &dyn Fn(&mut BatchPlan)| {
        let mut changed = plan();
        change(&mut changed);
        changed.check(&set, 2, 1024.0).unwrap_err()
    };
    assert_eq!(refused(&|p| p.layers.clear()), BatchError::Empty);
    assert_eq!(refused(&|p| p.inputs = 0), BatchError::Empty);
    assert!(matches!(refused(&|p| p.inputs = 4), BatchError::Block { layer: 0, block: 0 }));
    for change in [
        |p: &mut BatchPlan| p.layers[1].blocks[0].outputs[1] = 0,
        |p: &mut BatchPlan| p.layers[1].blocks[0].outputs[1] = 9,
        |p: &mut BatchPlan| p.layers[1].blocks[0].inputs[0] = 10,
        |p: &mut BatchPlan| p.layers[1].blocks[0].weights.truncate(3),
        |p: &mut BatchPlan| p.layers[1].blocks[0].inputs.clear(),
    ] {
        assert_eq!(refused(&change), BatchError::Block { layer: 1, block: 0 });
    }
    let twice = |p: &mut BatchPlan| {
        let again = p.layers[0].blocks[0].clone();
        p.layers[0].blocks.push(again);
    };
    assert_eq!(refused(&twice), BatchError::Block { layer: 0, block: 2 });
    assert!(matches!(refused(&|p| p.layers[2].bias.clear()), BatchError::Width { .. }));
    assert!(matches!(
        refused(&|p| p.layers[2].bias = vec![0.0; BatchPlan::MOST_WIDTH + 1]),
        BatchError::Width { .. }
    ));
    for bits in [0, 1, 5, 8, 9, u32::MAX] {
        // 5 are too few for the weights, 8 too many for a prime of 46 bits.
        let error = refused(&|p| p.layers[0].bits = bits);
        assert_eq!(error, BatchError::Weight { layer: 0, bits });
    }
    for scale in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300] {
        let error = refused(&|p| p.layers[1].weight_scale = scale);
        assert_eq!(error, BatchError::Scale { layer: 1 });
    }
    for bias in [f64::NAN, f64::INFINITY, 1e200] {
        assert_eq!(refused(&|p| p.layers[1].bias[2] = bias), BatchError::Scale { layer: 1 });
    }
    let deeper = |p: &mut BatchPlan| {
        let square = |at: u32| layer(vec![block(&[at], &[0], 5)], vec![0.0], true);
        p.layers.extend([square(2), square(0), square(0)]);
        p.layers.iter_mut().for_each(|layer| layer.weight_scale = 0.001);
    };
    assert_eq!(refused(&deeper), BatchError::Parts { parts: 17, most: 16 });
    for level in [0, 4] {
        let error = plan().check(&set, level, 1024.0).unwrap_err();
        assert_eq!(error, BatchError::Level { level, most: 3 });
    }
}
