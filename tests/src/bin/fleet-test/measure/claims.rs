//! How fast jobs are taken and ended while a hundred thousand wait.
//!
//! The rows come by one statement; the first of them, those that are run, have requests in the bucket.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::{keys, submit, wait_for_ends};
use crate::figures::rounded;
use crate::world::{Plan, World, becomes};
use crate::{Outcome, Settings};

/// Jobs that wait, of so many callers.
const QUEUED: usize = 100_000;
const CALLERS: usize = 100;

/// Copies a job that is there, whatever its columns are: of each copy, the place, the name, the caller
/// and the key of idempotency are its own. Names are made of numbers. The sums by caller are made at once
/// instead of by a trigger for each row: a hundred thousand changes of one row are slow in one transaction.
const INSERT: &str = "
    SET session_replication_role = replica;
    DO $$
    DECLARE
        taken TEXT;
    BEGIN
        SELECT string_agg(quote_ident(attname), ', ') INTO taken FROM pg_attribute
        WHERE attrelid = 'jobs'::regclass AND attnum > 0 AND NOT attisdropped
            AND attname NOT IN ('seq', 'id', 'caller', 'idempotency_key');
        EXECUTE format(
            'INSERT INTO jobs (id, caller, %1$s)
             SELECT lpad(n::text, 32, ''0'')::uuid, ''t'' || n %% CALLERS, %1$s
             FROM (SELECT * FROM jobs ORDER BY seq LIMIT 1) AS job, generate_series(1, QUEUED) AS n
             ORDER BY n', taken);
    END $$;
    INSERT INTO usage AS known (scope, name, rows, uploads, bytes, queued, running)
    SELECT whose.scope, whose.name, count(*), 0, sum(request_bytes), count(*), 0
    FROM jobs, LATERAL (VALUES ('all', ''), ('caller', caller), ('owner', encode(owner, 'hex')))
        AS whose (scope, name)
    WHERE id::text LIKE '00000000-0000-0000-%'
    GROUP BY whose.scope, whose.name
    ON CONFLICT (scope, name) DO UPDATE SET rows = known.rows + excluded.rows,
        bytes = known.bytes + excluded.bytes, queued = known.queued + excluded.queued;
    ANALYZE jobs;
";

pub(crate) fn run(settings: &Settings) -> Outcome<Value> {
    let jobs = if settings.long { 4000 } else { 1500 };
    let flags = ["--jobs-at-once", "4"].map(str::to_owned).to_vec();
    let lease_seconds = settings.lease_seconds;
    let mut world =
        World::start(Plan { name: "claims", fronts: 1, lease_seconds, with_wires: false, flags })?;
    let (client, keys) = keys(&world.addresses, 1, 1)?;
    // The pattern of all others. Its run takes no time.
    let pattern = submit(&client, &keys, 0)?;
    give_requests(&world.objects().join("requests"), &pattern, 3 * jobs)?;
    let insert = INSERT.replace("CALLERS", &CALLERS.to_string());
    world.rows.execute(&insert.replace("QUEUED", &QUEUED.to_string()))?;
    let queued = world.rows.in_state("queued")?;
    let workers = (0..3).map(|_| world.start_worker(&[], None));
    let workers = workers.collect::<Outcome<Vec<_>>>()?;
    wait_for_ends(&world.rows, jobs, Duration::from_secs(60))?;
    let rate = world.rows.ends_per_second()?;
    // Those that wait cannot all be run.
    drop(workers);
    let seen = becomes(Duration::from_secs(5), || client.job(&keys, &pattern).is_some());
    Ok(json!({
        "queued": queued,
        "callers": CALLERS,
        "workers": 3,
        "runners_of_each": 4,
        "claims_per_second": rounded(rate),
        "front_end_answers": seen,
    }))
}

/// Lays the request of a job under the names of the first others.
fn give_requests(folder: &Path, pattern: &str, count: usize) -> Outcome<()> {
    let request = folder.join(pattern);
    for number in 1..=count {
        fs::hard_link(&request, folder.join(name(number)))?;
    }
    Ok(())
}

/// As the database makes a name of a number: its decimal digits as if they were hexadecimal.
fn name(number: usize) -> String {
    let digits = format!("{number:0>32}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|part| &digits[part]);
    parts.join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_uuids() {
        let made = name(1234);
        assert_eq!(made, "00000000-0000-0000-0000-000000001234");
        assert!(uuid::Uuid::parse_str(&made).is_ok());
    }
}
