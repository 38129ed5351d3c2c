//! What a caller has left in the service's stores.

use std::path::Path;

use blindsight_evaluator::caller::Caller;
use blindsight_evaluator::config::Config;
use blindsight_evaluator::store::Store;
use blindsight_evaluator::store::state::usage::Scope;
use serde_json::{Value, json};

/// Rows and bytes of the strangers after the attacks, and how much one may have at most.
pub(crate) fn of_strangers(data: &Path) -> Value {
    let store = Store::open(data, None, None).unwrap();
    let limits = Config::default();
    let of = |address: &str| {
        let caller = Caller::of_address(address.parse().unwrap());
        store.db.read(|c| c.usage(Scope::Caller(&caller))).unwrap()
    };
    let found = ["127.0.0.2", "127.0.0.3"].map(of);
    let rows = found.iter().map(|usage| usage.rows).max().unwrap();
    let bytes = found.iter().map(|usage| usage.bytes).max().unwrap();
    // Uploads, refused or not, come on top of the rows that jobs and keys may have.
    let most = limits.caller_rows + 2 * u64::from(limits.uploads_per_caller);
    assert!(rows > 0 && rows <= most && most < 1000, "{rows} of {most}");
    assert!(bytes <= limits.caller_bytes && limits.caller_bytes <= 1_000_000_000, "{bytes}");
    json!({
        "rows": rows, "bytes": bytes,
        "most_rows": most, "most_bytes": limits.caller_bytes,
    })
}
