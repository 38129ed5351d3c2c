//! Who did what.

use blindsight_evaluator::store::state::audit::AuditRow;
use blindsight_evaluator::time::Timestamp;
use clap::Args;
use serde_json::{Value, json};

use super::{Database, Outcome};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// From when on: a time (RFC 3339), or how long ago (`90m`, `7d`).
    #[arg(long, default_value = "7d", value_parser = moment)]
    since: Timestamp,
    /// The newest of it, at most so much.
    #[arg(long, default_value_t = 1000)]
    most: u32,
}

fn moment(text: &str) -> Result<Timestamp, &'static str> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return Ok(Timestamp::now().before_seconds(ago.as_secs()));
    }
    let at = humantime::parse_rfc3339_weak(text).map_err(|_| "no time, and no duration")?;
    let since = at.duration_since(std::time::UNIX_EPOCH).map_err(|_| "before 1970")?;
    i64::try_from(since.as_millis()).map(Timestamp).map_err(|_| "too late")
}

pub(super) fn run(db: &Database, arguments: &Arguments) -> Outcome {
    let rows = db.read(|c| c.audit(arguments.since, arguments.most))?;
    for AuditRow { at, who, action, subject } in &rows {
        println!("{} {who}: {action} {subject}", at.to_rfc3339());
    }
    let rows: Vec<Value> = rows.iter().map(described).collect();
    Ok(json!({ "audit": rows }))
}

fn described(row: &AuditRow) -> Value {
    json!({
        "at": row.at.to_rfc3339(),
        "who": row.who,
        "action": row.action,
        "subject": row.subject,
    })
}
