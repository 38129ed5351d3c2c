//! Tenants and their quotas.

use std::str::FromStr;

use blindsight_evaluator::caller::{Caller, is_tenant_name};
use blindsight_evaluator::store::state::tenants::{Quotas, TenantRow};
use blindsight_evaluator::store::state::usage::{Scope, Usage};
use blindsight_evaluator::store::state::{Reads, StateError};
use blindsight_evaluator::time::Timestamp;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Database, Outcome, cell, done};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Lists them with what they use.
    List,
    /// Adds one.
    Add(Changed),
    /// Changes the quotas of one: those that are given.
    Set(Changed),
    /// Keeps one out. Its jobs that are here still run.
    Disable {
        /// The tenant.
        name: String,
    },
    /// Lets one in again.
    Enable {
        /// The tenant.
        name: String,
    },
}

/// A tenant, and quotas: numbers, or `default` for the service's settings.
#[derive(Debug, Args)]
pub(super) struct Changed {
    /// The tenant.
    name: String,
    /// Bytes that it may store.
    #[arg(long)]
    bytes: Option<Quota<u64>>,
    /// Jobs of it that may wait.
    #[arg(long)]
    queued: Option<Quota<u32>>,
    /// Jobs of it that may run at the same time.
    #[arg(long)]
    running: Option<Quota<u32>>,
    /// Jobs that it may submit on a day (of UTC).
    #[arg(long)]
    jobs_a_day: Option<Quota<u32>>,
}

/// A quota, or none of its own.
#[derive(Debug, Clone, Copy)]
struct Quota<T>(Option<T>);

impl<T: FromStr> FromStr for Quota<T> {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "default" => Ok(Self(None)),
            number => number.parse().map(|it| Self(Some(it))).map_err(|_| "no number, nor default"),
        }
    }
}

pub(super) fn run(db: &Database, command: &Command) -> Outcome {
    match command {
        Command::List => list(db),
        Command::Add(new) => add(db, new),
        Command::Set(changed) => {
            change(db, &changed.name, "tenant changed", |row| changed.apply(&mut row.quotas))
        }
        Command::Disable { name } => change(db, name, "tenant disabled", |row| row.disabled = true),
        Command::Enable { name } => change(db, name, "tenant enabled", |row| row.disabled = false),
    }
}

impl Changed {
    fn apply(&self, quotas: &mut Quotas) {
        let Self { bytes, queued, running, jobs_a_day, .. } = self;
        fn set<T: Copy>(place: &mut Option<T>, to: &Option<Quota<T>>) {
            if let Some(Quota(to)) = to {
                *place = *to;
            }
        }
        set(&mut quotas.bytes, bytes);
        set(&mut quotas.queued, queued);
        set(&mut quotas.running, running);
        set(&mut quotas.jobs_a_day, jobs_a_day);
    }
}

fn list(db: &Database) -> Outcome {
    let tenants: Vec<Value> = db.read(|c| {
        let rows = c.tenants()?;
        rows.iter().map(|row| described(c, row)).collect::<Result<_, StateError>>()
    })?;
    for tenant in &tenants {
        let used = &tenant["used"];
        println!(
            "{}{}: {} bytes, {} waiting, {} running, {} today",
            tenant["name"].as_str().unwrap_or_default(),
            if tenant["disabled"] == true { " (disabled)" } else { "" },
            of(&used["bytes"], &tenant["bytes"]),
            of(&used["queued"], &tenant["queued"]),
            of(&used["running"], &tenant["running"]),
            of(&used["jobs_today"], &tenant["jobs_a_day"]),
        );
    }
    Ok(json!({ "tenants": tenants }))
}

/// What is used of what may be.
fn of(used: &Value, quota: &Value) -> String {
    format!("{used} of {}", cell(quota.as_u64()))
}

fn add(db: &Database, new: &Changed) -> Outcome {
    if !is_tenant_name(&new.name) {
        return Err("a tenant's name has 1 to 128 visible ASCII characters, and no blanks".into());
    }
    let mut row = TenantRow {
        name: new.name.clone(),
        quotas: Quotas::default(),
        disabled: false,
        created_at: Timestamp::now(),
    };
    new.apply(&mut row.quotas);
    let tenant = db.write(|t| {
        if !t.insert_tenant(&row)? {
            return Ok::<_, StateError>(None);
        }
        t.note_audit(&done("tenant added", &row.name))?;
        described(t, &row).map(Some)
    })?;
    let tenant = tenant.ok_or("there is a tenant of this name already")?;
    Ok(json!({ "tenant": tenant }))
}

fn change(db: &Database, name: &str, action: &str, apply: impl Fn(&mut TenantRow)) -> Outcome {
    let tenant = db.write(|t| {
        let Some(mut row) = t.tenant(name)? else { return Ok::<_, StateError>(None) };
        apply(&mut row);
        t.change_tenant(&row)?;
        t.note_audit(&done(action, name))?;
        described(t, &row).map(Some)
    })?;
    let tenant = tenant.ok_or("there is no tenant of this name")?;
    Ok(json!({ "tenant": tenant }))
}

fn described(c: &(impl Reads + ?Sized), row: &TenantRow) -> Result<Value, StateError> {
    let caller = Caller::of_tenant(&row.name);
    let Usage { bytes, queued, running, .. } = c.usage(Scope::Caller(&caller))?;
    let jobs_today = c.jobs_of_day(&caller, Timestamp::now().day())?;
    Ok(json!({
        "name": row.name,
        "bytes": row.quotas.bytes,
        "queued": row.quotas.queued,
        "running": row.quotas.running,
        "jobs_a_day": row.quotas.jobs_a_day,
        "disabled": row.disabled,
        "created_at": row.created_at.to_rfc3339(),
        "used": {
            "bytes": bytes,
            "queued": queued,
            "running": running,
            "jobs_today": jobs_today,
        },
    }))
}
