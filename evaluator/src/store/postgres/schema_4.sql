-- Tenants with their API keys and quotas, what people did here, and whether jobs are accepted.

-- A quota that is not there is the service's setting.
CREATE TABLE tenants (
    name TEXT PRIMARY KEY,
    bytes BIGINT,
    queued BIGINT,
    running BIGINT,
    jobs_a_day BIGINT,
    disabled BOOLEAN NOT NULL,
    created_at BIGINT NOT NULL
);

-- Keys are known by their SHA-256, and named by an id that stands in them.
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    sha256 BYTEA NOT NULL UNIQUE,
    tenant TEXT NOT NULL REFERENCES tenants (name),
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

-- How many jobs of a tenant were accepted on a day (of UTC, since 1970). Jobs are forgotten, this is
-- not.
CREATE TABLE job_days (
    caller TEXT NOT NULL,
    day BIGINT NOT NULL,
    jobs BIGINT NOT NULL,
    PRIMARY KEY (caller, day)
);
CREATE INDEX job_days_by_day ON job_days (day);
CREATE FUNCTION jobs_counted() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_days AS known VALUES (NEW.caller, NEW.created_at / 86400000, 1)
    ON CONFLICT (caller, day) DO UPDATE SET jobs = known.jobs + 1;
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_counted AFTER INSERT ON jobs
    FOR EACH ROW WHEN (NEW.caller LIKE 'tenant:%') EXECUTE FUNCTION jobs_counted();

-- Who did what, and to what: never contents.
CREATE TABLE audit (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    who TEXT NOT NULL,
    action TEXT NOT NULL,
    subject TEXT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);

-- What is switched on, and since when.
CREATE TABLE switches (
    name TEXT PRIMARY KEY CHECK (name IN ('drain')),
    since BIGINT NOT NULL
);

-- The oldest program that can use the schema (named by the newest schema that it knows).
ALTER TABLE schema_version ADD COLUMN readable_by BIGINT;
