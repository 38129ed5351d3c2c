//! What the database says of the jobs, beside the service.

use tokio_postgres::types::ToSql;
use tokio_postgres::{NoTls, Row};
use uuid::Uuid;

use crate::Outcome;

/// A way into a database. Every question has a connection of its own: the server comes and goes.
#[derive(Debug, Clone)]
pub(crate) struct Rows {
    pub(crate) url: String,
}

/// A job that a worker holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) id: Uuid,
    pub(crate) epoch: i64,
    pub(crate) attempts: i64,
    /// The worker, as the database names it.
    pub(crate) worker: String,
}

/// Notes every change of a job to a final state.
const AUDIT: &str = "
    CREATE TABLE fleet_audit (
        job UUID NOT NULL,
        state TEXT NOT NULL,
        at TIMESTAMPTZ NOT NULL DEFAULT clock_timestamp()
    );
    CREATE INDEX fleet_audit_by_job ON fleet_audit (job);
    CREATE INDEX fleet_audit_by_time ON fleet_audit (at);
    CREATE FUNCTION fleet_audit() RETURNS TRIGGER LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO fleet_audit (job, state) VALUES (NEW.id, NEW.state);
        RETURN NULL;
    END $$;
    CREATE TRIGGER fleet_audit AFTER UPDATE OF state ON jobs FOR EACH ROW
        WHEN (NEW.state NOT IN ('queued', 'running')) EXECUTE FUNCTION fleet_audit();
";

impl Rows {
    /// Makes a database on a server and returns the way into it.
    pub(crate) fn create(server: &str, name: &str) -> Outcome<Self> {
        let first = Self { url: format!("{server}/postgres") };
        first.execute(&format!("CREATE DATABASE {name}"))?;
        Ok(Self { url: format!("{server}/{name}") })
    }

    /// Has the database note from now on which jobs come to an end. The tables must be there.
    pub(crate) fn install_audit(&self) -> Outcome<()> {
        self.execute(AUDIT)
    }

    /// Runs statements.
    pub(crate) fn execute(&self, statements: &str) -> Outcome<()> {
        runtime()?.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
            tokio::spawn(connection);
            Ok(client.batch_execute(statements).await?)
        })
    }

    fn ask(&self, query: &str, parameters: &[&(dyn ToSql + Sync)]) -> Outcome<Vec<Row>> {
        runtime()?.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.url, NoTls).await?;
            tokio::spawn(connection);
            Ok(client.query(query, parameters).await?)
        })
    }

    fn ask_number(&self, query: &str) -> Outcome<i64> {
        Ok(self.ask(query, &[])?.first().ok_or("no row")?.try_get(0)?)
    }

    /// The jobs that run.
    pub(crate) fn running(&self) -> Outcome<Vec<Held>> {
        let query = "SELECT id, epoch, attempts, coalesce(worker::text, '') FROM jobs
                     WHERE state = 'running'";
        self.ask(query, &[])?.iter().map(held).collect()
    }

    /// Whether a run is over: its job was taken by another, put back, or has ended.
    pub(crate) fn is_over(&self, held: &Held) -> Outcome<bool> {
        let query = "SELECT epoch, state FROM jobs WHERE id = $1";
        let rows = self.ask(query, &[&held.id])?;
        let row = rows.first().ok_or("a job is gone")?;
        let (epoch, state): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        Ok(epoch != held.epoch || state != "running")
    }

    /// A job's whole row, to tell what became of it.
    pub(crate) fn whole(&self, id: &str) -> Outcome<String> {
        let query = "SELECT (to_jsonb(jobs) - 'owner' - 'contract' - 'request_sha256')::text
                     FROM jobs WHERE id::text = $1";
        Ok(self.ask(query, &[&id])?.first().ok_or("its row is gone")?.try_get(0)?)
    }

    /// How often a job was started, and its state.
    pub(crate) fn attempts(&self, id: Uuid) -> Outcome<(i64, String)> {
        let rows = self.ask("SELECT attempts, state FROM jobs WHERE id = $1", &[&id])?;
        let row = rows.first().ok_or("a job is gone")?;
        Ok((row.try_get(0)?, row.try_get(1)?))
    }

    /// How many changes to a final state were noted so far.
    pub(crate) fn ended(&self) -> Outcome<i64> {
        self.ask_number("SELECT count(*) FROM fleet_audit")
    }

    /// Jobs that came to an end more than once.
    pub(crate) fn twice(&self) -> Outcome<i64> {
        self.ask_number(
            "SELECT count(*) FROM (SELECT job FROM fleet_audit GROUP BY job HAVING count(*) > 1) x",
        )
    }

    /// Jobs in a state.
    pub(crate) fn in_state(&self, state: &str) -> Outcome<i64> {
        let rows = self.ask("SELECT count(*) FROM jobs WHERE state = $1", &[&state])?;
        Ok(rows.first().ok_or("no row")?.try_get(0)?)
    }

    /// Ends a second, from the first to the last that was noted, by the database's clock.
    pub(crate) fn ends_per_second(&self) -> Outcome<f64> {
        let query = "SELECT count(*) - 1, extract(epoch FROM max(at) - min(at))::float8
                     FROM fleet_audit";
        let rows = self.ask(query, &[])?;
        let row = rows.first().ok_or("no row")?;
        let (count, seconds): (i64, Option<f64>) = (row.try_get(0)?, row.try_get(1)?);
        let seconds = seconds.filter(|&seconds| seconds > 0.0).ok_or("too few jobs ended")?;
        Ok(count as f64 / seconds)
    }
}

fn held(row: &Row) -> Outcome<Held> {
    Ok(Held {
        id: row.try_get(0)?,
        epoch: row.try_get(1)?,
        attempts: row.try_get(2)?,
        worker: row.try_get(3)?,
    })
}

fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
