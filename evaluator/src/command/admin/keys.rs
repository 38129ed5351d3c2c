//! API keys of tenants.

use blindsight_evaluator::credentials::new_api_key;
use blindsight_evaluator::store::state::StateError;
use blindsight_evaluator::store::state::tenants::ApiKeyRow;
use blindsight_evaluator::time::Timestamp;
use clap::Subcommand;
use serde_json::{Value, json};

use super::{Database, Outcome, cell, done};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Makes one for a tenant, and prints it: nobody can tell it again.
    Add {
        /// The tenant.
        tenant: String,
        /// After how many days it ends; never, if not given.
        #[arg(long)]
        days: Option<u32>,
    },
    /// Lists them, without what makes them keys.
    List,
    /// Ends one. A service that runs may take it for a few seconds more.
    Revoke {
        /// What it is called: the eight digits after `bsk_`.
        id: String,
    },
}

pub(super) fn run(db: &Database, command: &Command) -> Outcome {
    match command {
        Command::Add { tenant, days } => add(db, tenant, *days),
        Command::List => list(db),
        Command::Revoke { id } => revoke(db, id),
    }
}

fn add(db: &Database, tenant: &str, days: Option<u32>) -> Outcome {
    let end = days.map(|days| Timestamp::now().after_seconds(u64::from(days) * 24 * 3600));
    let new = new_api_key(tenant, end);
    let added = db.write(|t| {
        if t.tenant(tenant)?.is_none() {
            return Ok::<_, StateError>(false);
        }
        t.insert_api_key(&new.row, &new.sha256)?;
        t.note_audit(&done("key added", format!("{} of {tenant}", new.row.id)))?;
        Ok(true)
    })?;
    if !added {
        return Err("there is no tenant of this name: add it first".into());
    }
    println!("The key is shown now, and never again:");
    let mut report = described(&new.row);
    report["key"] = new.text.into();
    Ok(report)
}

fn list(db: &Database) -> Outcome {
    let rows = db.read(|c| c.api_keys())?;
    for row in &rows {
        let ApiKeyRow { id, tenant, .. } = row;
        let valid = if row.is_valid(Timestamp::now()) { "valid" } else { "ended" };
        let [until, revoked] =
            [row.expires_at, row.revoked_at].map(|at| cell(at.map(Timestamp::to_rfc3339)));
        println!("{id} {valid} of {tenant}, until {until}, revoked {revoked}");
    }
    let keys: Vec<Value> = rows.iter().map(described).collect();
    Ok(json!({ "keys": keys }))
}

fn revoke(db: &Database, id: &str) -> Outcome {
    let now = Timestamp::now();
    let revoked = db.write(|t| {
        let revoked = t.revoke_api_key(id, now)?;
        if revoked {
            t.note_audit(&done("key revoked", id))?;
        }
        Ok::<_, StateError>(revoked)
    })?;
    if !revoked {
        return Err("there is no key of this name that is not revoked".into());
    }
    Ok(json!({ "id": id, "revoked_at": now.to_rfc3339() }))
}

fn described(row: &ApiKeyRow) -> Value {
    json!({
        "id": row.id,
        "tenant": row.tenant,
        "created_at": row.created_at.to_rfc3339(),
        "expires_at": row.expires_at.map(Timestamp::to_rfc3339),
        "revoked_at": row.revoked_at.map(Timestamp::to_rfc3339),
    })
}
