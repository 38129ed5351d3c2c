//! Jobs come all the time while random faults strike; at the end all promises are counted.

use std::collections::BTreeMap;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::faults::{Fault, Means, Observed, Scene};
use crate::figures::{median, most, rounded};
use crate::traffic::{Account, Traffic};
use crate::world::{Plan, World, becomes};
use crate::{Outcome, Settings};

/// Callers who always have one job each: more than there are workers.
const CALLERS: u8 = 8;

/// Every fault once, and then whatever comes.
fn order(settings: &Settings, dice: &mut Dice) -> Vec<Fault> {
    let mut faults = Fault::ALL.to_vec();
    while faults.len() < settings.faults {
        faults.push(Fault::ALL[dice.below(Fault::ALL.len())]);
    }
    faults.truncate(settings.faults);
    dice.shuffle(&mut faults);
    faults
}

/// Runs it. The second value says whether all is well.
pub(crate) fn run(settings: &Settings) -> Outcome<(Value, bool)> {
    let mut dice = Dice::new(settings.seed);
    // A worker that is asked to end puts its job back, instead of ending that first.
    let flags = ["--finish-seconds", "0"].map(str::to_owned).to_vec();
    let plan = Plan {
        name: "chaos",
        fronts: 2,
        lease_seconds: settings.lease_seconds,
        with_wires: true,
        flags,
    };
    let world = World::start(plan)?;
    let mut scene = Scene::new(world, 3, Means::look(settings.long))?;
    let traffic = Traffic::start(&scene.world.addresses, CALLERS);
    if !becomes(Duration::from_secs(60), || traffic.done() > 2 * usize::from(CALLERS)) {
        return Err("no job is done even without faults".into());
    }
    let start = Instant::now();
    for (number, fault) in order(settings, &mut dice).into_iter().enumerate() {
        let begun = Instant::now();
        // What was promised counts all the same.
        if let Err(error) = scene.strike(fault, dice.below(1000)) {
            scene.seen.wrong.push(format!("{fault:?}: {error}"));
        }
        eprintln!(
            "fault {}: {fault:?}, {:.1} s, {} jobs done",
            number + 1,
            begun.elapsed().as_secs_f64(),
            traffic.done()
        );
        sleep(Duration::from_millis(300 + dice.below(700) as u64));
    }
    let seconds = start.elapsed().as_secs_f64();
    let account = traffic.finish(&scene.world.addresses);
    let twice = scene.world.rows.twice()?;
    let is_well = is_well(&account, &scene.seen, twice);
    let mut told = tell(&account, &scene.seen, twice);
    let lost = account.lost.iter().take(10).map(|id| {
        // Which is no secret: these keys were made for the test.
        scene.world.rows.whole(id).unwrap_or_else(|error| format!("{id}: {error}"))
    });
    told["lost_jobs"] = lost.collect();
    told["seed"] = json!(settings.seed);
    told["seconds"] = rounded(seconds);
    told["lease_seconds"] = json!(settings.lease_seconds);
    told["clock_skew"] = json!(match &scene.means.faketime {
        Some(_) => "30 s either way, by libfaketime",
        None => "not done: libfaketime is missing (Debian: faketime)",
    });
    told["partitions"] = json!(match &scene.means.no_namespaces {
        None => "network namespaces, their links down".to_owned(),
        Some(why) => format!("relays that stop forwarding without closing ({why})"),
    });
    Ok((told, is_well))
}

fn is_well(account: &Account, seen: &Observed, twice: i64) -> bool {
    account.lost.is_empty()
        && twice == 0
        && account.accepted > 0
        && seen.put_back_counted == 0
        && seen.wrong.is_empty()
        && account.surprises.is_empty()
}

fn tell(account: &Account, seen: &Observed, twice: i64) -> Value {
    let faults: BTreeMap<_, _> =
        seen.faults.iter().map(|(fault, count)| (name(*fault), count)).collect();
    let takeovers = seen.takeovers.iter().map(|(fault, seconds)| {
        let (median, max) = (rounded(median(seconds)), rounded(most(seconds)));
        (name(*fault), json!({ "median": median, "max": max, "count": seconds.len() }))
    });
    let takeovers: BTreeMap<_, _> = takeovers.collect();
    json!({
        "faults": faults,
        "accepted": account.accepted,
        "done": account.done,
        "lost": account.lost.len(),
        "twice": twice,
        "fenced": seen.fenced,
        "takeover_s": takeovers,
        "recovery_after_postgres_s": {
            "median": rounded(median(&seen.recoveries)), "max": rounded(most(&seen.recoveries)),
        },
        "put_back_by_sigterm": seen.put_back,
        "put_back_but_counted": seen.put_back_counted,
        "wrong": seen.wrong,
        "surprises": account.surprises,
    })
}

fn name(fault: Fault) -> String {
    let name = match fault {
        Fault::Worker => "kill",
        Fault::Front => "kill_front_end",
        Fault::Postgres => "kill_postgres",
        Fault::Bucket => "kill_bucket",
        Fault::Partition => "partition",
        Fault::Clock => "clock_skew",
        Fault::Terminate => "sigterm",
        Fault::Zombie => "zombie",
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_lost_job_is_enough_to_fail() {
        let well = || Account { accepted: 5, done: 5, ..Account::default() };
        assert!(is_well(&well(), &Observed::default(), 0));
        let lost = Account { lost: vec!["x".to_owned()], ..well() };
        assert!(!is_well(&lost, &Observed::default(), 0));
        assert!(!is_well(&well(), &Observed::default(), 1));
        assert!(!is_well(&Account::default(), &Observed::default(), 0));
    }

    #[test]
    fn a_seed_makes_one_order_with_every_fault_in_it() {
        let settings = Settings { faults: 12, seed: 5, long: false, lease_seconds: 10 };
        let of = |seed| order(&Settings { seed, ..settings.clone() }, &mut Dice::new(seed));
        assert_eq!(of(5), of(5));
        assert_ne!(of(5), of(6));
        let faults = of(5);
        assert_eq!(faults.len(), 12);
        assert!(Fault::ALL.iter().all(|fault| faults.contains(fault)));
    }
}
