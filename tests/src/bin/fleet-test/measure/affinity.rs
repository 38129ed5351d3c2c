//! How often a job comes to a worker that has its keys expanded already, with and without affinity, when
//! a few callers ask for much and many for little.

use std::time::Duration;

use serde_json::{Value, json};

use super::{keys, submit, wait_for_ends};
use crate::dice::Dice;
use crate::figures::rounded;
use crate::world::{Plan, World};
use crate::{Outcome, Settings};

/// Key sets, and how many of them a worker can keep.
const SETS: u8 = 60;
const KEPT: u64 = 20;

/// Jobs that wait while it goes on, and how long a step of theirs takes: they come faster than they go.
const WAITING: usize = 48;
const STEP_MS: u8 = 20;

pub(crate) fn run(settings: &Settings) -> Outcome<Value> {
    let on = measure(settings, "affinity_on", "on")?;
    let off = measure(settings, "affinity_off", "off")?;
    let keys =
        json!({ "sets": SETS, "kept_by_each_worker": KEPT, "workers": 3, "jobs_waiting": WAITING });
    Ok(json!({ "keys": keys, "on": on, "off": off, "hit_points": rounded(
        on["hit_rate"].as_f64().zip(off["hit_rate"].as_f64()).map(|(on, off)| 100.0 * (on - off)),
    ) }))
}

fn measure(settings: &Settings, name: &'static str, affinity: &str) -> Outcome<Value> {
    let jobs = if settings.long { 3000 } else { 300 };
    let room = KEPT * blindsight_fake::expanded_bytes();
    let flags = ["--affinity", affinity, "--key-cache-bytes", &room.to_string()];
    let plan = Plan {
        name,
        fronts: 1,
        lease_seconds: settings.lease_seconds,
        with_wires: false,
        flags: flags.map(str::to_owned).to_vec(),
    };
    let mut world = World::start(plan)?;
    let callers = (1..=SETS).map(|caller| keys(&world.addresses, caller, caller));
    let callers = callers.collect::<Outcome<Vec<_>>>()?;
    let (mut dice, mut workers) = (Dice::new(settings.seed), Vec::new());
    let ranks = Zipf::new(SETS.into());
    for job in 0..jobs {
        let (client, keys) = &callers[ranks.draw(&mut dice)];
        submit(client, keys, STEP_MS)?;
        // Where nothing waits, there is nothing to choose from.
        if job == WAITING {
            let started = (0..3).map(|_| world.start_worker(&[], None));
            workers = started.collect::<Outcome<Vec<_>>>()?;
        } else if job > WAITING && job % 8 == 0 {
            wait_for_ends(&world.rows, job - WAITING, Duration::from_secs(120))?;
        }
    }
    wait_for_ends(&world.rows, jobs, Duration::from_secs(300))?;
    let sum = |name: &str| {
        let values = workers.iter().map(|worker| worker.process.metric(name));
        values.collect::<Option<Vec<_>>>().map(|values| values.iter().sum::<f64>())
    };
    let hits = sum("blindsight_key_hits_total").ok_or("workers do not count hits")?;
    let misses = sum("blindsight_key_misses_total").ok_or("workers do not count misses")?;
    let rate = hits / (hits + misses);
    Ok(json!({
        "hits": hits,
        "misses": misses,
        "hit_rate": rounded(rate),
        "jobs_per_second": rounded(world.rows.ends_per_second()?),
    }))
}

/// The place `k`, from 0, comes up with a frequency of 1 / (k + 1).
struct Zipf {
    sums: Vec<f64>,
}

impl Zipf {
    fn new(places: usize) -> Self {
        let sums = (1..=places).scan(0.0, |sum, place| {
            *sum += 1.0 / place as f64;
            Some(*sum)
        });
        Self { sums: sums.collect() }
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let point = dice.unit() * self.sums.last().copied().unwrap_or_default();
        self.sums.partition_point(|&sum| sum <= point).min(self.sums.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_place_comes_up_twice_as_often_as_the_second() {
        let (zipf, mut dice) = (Zipf::new(10), Dice::new(1));
        let mut counts = [0usize; 10];
        (0..20_000).for_each(|_| counts[zipf.draw(&mut dice)] += 1);
        let ratio = counts[0] as f64 / counts[1] as f64;
        assert!((1.9..2.1).contains(&ratio), "{counts:?}");
        assert!(counts[9] > 500, "{counts:?}");
    }
}
