//! The operations that everything else is made of.

use std::error::Error;

use blindsight_ckks::encoding::Complex64;
use blindsight_ckks_eval::Evaluator;
use blindsight_compiler::residual::packing::steps;
use blindsight_engine::{KeySet, Model, StepModel};
use blindsight_ring::{Limb, Prime};
use serde::Serialize;

use super::median;
use blindsight_encrypted::Client;

/// One operation on so many threads.
#[derive(Debug, Serialize)]
pub(super) struct Primitive {
    pub(super) name: String,
    pub(super) threads: usize,
    pub(super) microseconds: f64,
}

const RUNS: usize = 31;

pub(super) fn measure(
    model: &Model,
    keys: &KeySet,
    client: &mut Client,
    thread_counts: &[usize],
) -> Result<Vec<Primitive>, Box<dyn Error>> {
    let contract = model.contract();
    // They are those of the bootstrapped ring.
    let Some(scheme) = model.steps().map(StepModel::scheme) else { return Ok(Vec::new()) };
    let Some(bootstrap) = scheme.circuit().bootstrap() else { return Ok(Vec::new()) };
    let (set, levels) = (contract.set(), bootstrap.levels());
    let mut primitives = Vec::new();
    let mut push = |name: String, threads, seconds: f64| {
        primitives.push(Primitive { name, threads, microseconds: seconds * 1e6 });
    };
    for prime in [&set.chain().primes()[levels.linear], &set.chain().primes()[levels.chebyshev - 2]]
    {
        let (forward, inverse) = transforms(prime)?;
        push(format!("NTT forward, {}-bit prime", prime.bits()), 1, forward);
        push(format!("NTT inverse, {}-bit prime", prime.bits()), 1, inverse);
    }
    let evaluator = Evaluator { context: scheme.context(), keys };
    let at_level = |level: usize, client: &mut Client| {
        client.encrypt_slots(contract, &[Complex64::new(0.5, 0.0)], bootstrap.linear_scale(), level)
    };
    // A rotation that a key of one digit serves at every level.
    let pixel = steps::PIXEL;
    for &threads in thread_counts {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
        for level in [levels.slots_to_coefficients, levels.linear, levels.top - 2] {
            let c = at_level(level, client)?;
            let seconds = pool.install(|| {
                median(RUNS, || evaluator.rotate(&c, pixel).map(drop).map_err(|e| e.to_string()))
            })?;
            push(format!("rotate (key switch), {level} limbs"), threads, seconds);
        }
        for level in [levels.activation, levels.chebyshev] {
            let c = at_level(level, client)?;
            let seconds = pool.install(|| {
                median(RUNS, || evaluator.square(&c).map(drop).map_err(|e| e.to_string()))
            })?;
            push(format!("multiply, relinearise, rescale, {level} limbs"), threads, seconds);
        }
    }
    Ok(primitives)
}

/// Seconds of a forward and an inverse transform.
fn transforms(prime: &Prime) -> Result<(f64, f64), String> {
    let mut limb = Limb::zero(prime);
    limb.fill_with(|i| (i as u64 * 77_777) % prime.value());
    let forward = median(10 * RUNS, || {
        prime.forward_ntt(&mut limb);
        Ok(())
    })?;
    let inverse = median(10 * RUNS, || {
        prime.inverse_ntt_unscaled(&mut limb);
        Ok(())
    })?;
    Ok((forward, inverse))
}
