//! A table of bad input to the service: each row says what is answered.
//!
//! One process answers the whole table. It must stay alive, must not grow, must name nothing of its
//! inside, and must still classify a picture at the end.

#![cfg(test)]
#![cfg(unix)]

mod access;
mod bundles;
mod creation;
mod credentials;
mod jobs;
mod parts;
mod raw;
mod requests;
mod routes;
mod site;
mod table;
mod world;

use blindsight_tests::client::class_of;
use blindsight_tests::figures;
use serde_json::json;

use table::Table;
use world::World;

/// How much the process may grow by what it refuses: the parts that are in flight, and what the
/// allocator keeps of them.
const GROWTH: u64 = 100 << 20;
/// The largest resident set that the process may reach with all its work: the encoded model, one
/// expanded set of keys, one run.
const PEAK: u64 = 1_200_000_000;

/// Asks the rows of an area.
type Rows = fn(&World, &mut Table);

#[test]
fn every_bad_input_has_its_answer() {
    let mut world = World::start();
    let mut table = Table::new();

    let before = world.evaluator.peak_rss_bytes();
    let areas: [(&str, Rows); 8] = [
        ("credentials", credentials::rows),
        ("creation", creation::rows),
        ("parts", parts::rows),
        ("bundles", bundles::rows),
        ("requests", requests::rows),
        ("routes", routes::rows),
        ("site", site::rows),
        ("raw", raw::rows),
    ];
    for (area, rows) in areas {
        table.area(area);
        rows(&world, &mut table);
        world.evaluator.assert_alive(area);
    }
    let refusing = world.evaluator.peak_rss_bytes();
    // Whatever was taken instead of refused would only be in the way of what follows.
    table.assert_all_right(&world);

    table.area("jobs");
    let job = jobs::rows(&world, &mut table);
    table.area("access");
    access::rows(&world, &mut table, &job);
    world.evaluator.assert_alive("the whole table");
    table.assert_all_right(&world);
    assert!(table.rows() >= 60, "only {} rows", table.rows());

    let sample = "08-ship-0.png";
    let keys = world.api.upload(&world.client.bundle);
    let job = world.api.submit(&keys, &world.client.request(sample, 99));
    let result = world.api.wait_for_result(&keys, &job.id);
    assert_eq!(world.client.class(&result), class_of(sample));

    let peak = world.evaluator.peak_rss_bytes();
    figures::report(
        "service_bad_input",
        &json!({
            "rows": table.rows(),
            "peak_rss_bytes": {
                "before": before, "after_refusals": refusing, "after_all": peak, "limit": PEAK,
            },
        }),
    );
    assert!(refusing - before < GROWTH, "grew from {before} to {refusing} bytes by refusing");
    assert!(peak < PEAK, "{peak} bytes");
    assert!(!world.evaluator.log().contains("panicked"), "a panic:\n{}", world.evaluator.log());
}
