//! Everything is lost and comes back from copies: `deploy/drill.sh` on a fleet that has done some jobs.

use std::process::{Command, Stdio};
use std::time::Duration;

use blindsight_fake::answer;
use blindsight_tests::repository;
use serde_json::Value;
use uuid::Uuid;

use super::{keys, submit, wait_for_ends};
use crate::client::{accepted, unique_request};
use crate::world::{Plan, World};
use crate::{Outcome, Settings};

const JOBS: usize = 20;

pub(crate) fn run(settings: &Settings) -> Outcome<Value> {
    let lease_seconds = settings.lease_seconds;
    let mut world = World::start(Plan {
        name: "drill",
        fronts: 1,
        lease_seconds,
        with_wires: false,
        flags: vec![],
    })?;
    let (client, keys) = keys(&world.addresses, 1, 1)?;
    let worker = world.start_worker(&[], None)?;
    let mut jobs = Vec::new();
    for _ in 0..JOBS {
        let name = Uuid::new_v4();
        let body = unique_request(name, 1);
        let said = client.submit(&keys, name, &body).ok_or("a front-end does not answer")?;
        jobs.push((accepted(&said).ok_or_else(|| said.to_string())?, body));
    }
    wait_for_ends(&world.rows, JOBS, Duration::from_secs(60))?;
    drop(worker);
    world.kill_front(0)?;

    let output = Command::new(repository().join("deploy/drill.sh"))
        .args([&world.postgres.server(), "drill"])
        .arg(world.bucket_folder())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let told: Value = serde_json::from_str(text.lines().last().unwrap_or_default())?;
    if !output.status.success() {
        return Err(format!("what came back differs: {told}").into());
    }

    world.start_front(0)?;
    for (id, body) in &jobs {
        let result = client.result(&keys, id).ok_or("a front-end does not answer")?;
        if result.status != 200 || result.body != answer(body) {
            return Err(format!("the result of {id} did not come back: {result}").into());
        }
    }
    // Work goes on with the keys that came back.
    let _worker = world.start_worker(&[], None)?;
    submit(&client, &keys, 1)?;
    wait_for_ends(&world.rows, JOBS + 1, Duration::from_secs(60))?;
    Ok(told)
}
