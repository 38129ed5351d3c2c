//! Tenants who try to keep other tenants out, and those who have no key at all.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use blindsight_evaluator::config::Config;
use blindsight_tests::api::Api;
use blindsight_tests::client::Client;
use blindsight_tests::evaluator::{Evaluator, program};
use serde_json::{Value, json};

use crate::{hostile, siege, visit};

/// A service that asks for keys: one tenant besieges it while another one visits, both from one
/// address, as behind one proxy; somebody without a key tries as many as it can meanwhile.
pub(crate) fn attacks(folder: &Path, stranger: &Client, me: &Client) -> Value {
    let data = folder.join("tenants");
    let mut evaluator = Evaluator::start(&data, &["--require-keys", "--preload", "resnet20"]);
    let [theirs, mine, many] = ["big", "small", "many"].map(|name| {
        let key = new_key(&data, name);
        Api::of(&evaluator).with_token(&key)
    });
    let opened = opened_from_everywhere(&many, me.bundle.len());
    let here = mine.from(1);
    let idle = visit::whole(&here, me, 4);

    let stop = AtomicBool::new(false);
    let (siege, refused) = std::thread::scope(|scope| {
        let without = Api::of(&evaluator).with_token(&"x".repeat(48)).from(8);
        let stop = &stop;
        let length = me.bundle.len();
        let keyless = scope.spawn(move || hostile::open_uploads(&without, length, stop));
        let siege = siege((&theirs.from(1), stranger), (&here, me));
        stop.store(true, Ordering::Relaxed);
        (siege, keyless.join().unwrap())
    });
    evaluator.assert_alive("the attacks of tenants");
    evaluator.terminate(Duration::from_secs(30));
    let served = siege["visit_seconds"].as_f64().unwrap();
    assert!(served < 60.0 + 10.0 * idle.seconds, "{siege:#}");
    json!({
        "uploads_opened_with_one_key_from_forty_addresses": opened,
        "tries_without_a_key": refused,
        "visit_idle_seconds": idle.seconds,
        "visit_under_siege_times_idle": (served - idle.run_seconds).max(0.0) / idle.seconds,
        "siege": siege,
    })
}

/// One key at forty addresses is one caller: it opens no more uploads than at one.
fn opened_from_everywhere(api: &Api, length: usize) -> usize {
    let limits = Config::default();
    let most = limits.uploads_per_caller.min(limits.uploads_per_minute);
    let answers = (20..60).flat_map(|address| {
        let there = api.clone().from(address);
        [(); 2].map(|()| there.send(&there.creation(length)).status)
    });
    let answers: Vec<u16> = answers.collect();
    assert!(answers.iter().all(|status| [201, 429].contains(status)), "{answers:?}");
    let opened = answers.iter().filter(|status| **status == 201).count();
    assert!((1..=most as usize).contains(&opened), "{opened} of {most}");
    opened
}

/// A new tenant's key, made beside the service that runs.
fn new_key(data: &Path, tenant: &str) -> String {
    let report = admin(data, &["tenants", "add", tenant]);
    assert_eq!(report["tenant"]["name"], tenant, "{report}");
    let report = admin(data, &["keys", "add", tenant]);
    report["key"].as_str().expect("a new key is shown").to_owned()
}

/// The last line of what an admin's command says.
fn admin(data: &Path, arguments: &[&str]) -> Value {
    let mut command = std::process::Command::new(program());
    let output = command.arg("admin").args(arguments).arg("--data").arg(data).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let last = text.lines().last().and_then(|line| serde_json::from_str(line).ok());
    last.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr)))
}
