-- Tenants with their API keys and quotas, what people did here, and whether jobs are accepted.

-- A quota that is not there is the service's setting.
CREATE TABLE tenants (
    name TEXT PRIMARY KEY,
    bytes INTEGER,
    queued INTEGER,
    running INTEGER,
    jobs_a_day INTEGER,
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Keys are known by their SHA-256, and named by an id that stands in them.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    sha256 BLOB NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;

-- How many jobs of a tenant were accepted on a day (of UTC, since 1970). Jobs are forgotten, this is
-- not.
CREATE TABLE job_days (
    caller TEXT NOT NULL,
    day INTEGER NOT NULL,
    jobs INTEGER NOT NULL,
    PRIMARY KEY (caller, day)
) STRICT, WITHOUT ROWID;
CREATE INDEX job_days_by_day ON job_days (day);
CREATE TRIGGER jobs_counted AFTER INSERT ON jobs WHEN NEW.caller LIKE 'tenant:%' BEGIN
    INSERT INTO job_days VALUES (NEW.caller, NEW.created_at / 86400000, 1)
    ON CONFLICT (caller, day) DO UPDATE SET jobs = jobs + 1;
END;

-- Who did what, and to what: never contents.
CREATE TABLE audit (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
) STRICT;
CREATE INDEX audit_by_time ON audit (at);

-- What is switched on, and since when.
CREATE TABLE switches (
    name TEXT PRIMARY KEY CHECK (name IN ('drain')),
    since INTEGER NOT NULL
) STRICT;

-- The schema's version, and the oldest program that can use it (named by the newest schema that it
-- knows). One row, of the version that `user_version` says.
CREATE TABLE schema_version (
    version INTEGER NOT NULL,
    readable_by INTEGER NOT NULL
) STRICT;
