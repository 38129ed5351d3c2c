-- Several processes share the database: runs have numbers, owners and leases. Times of leases and of
-- waiting are the database's own, in milliseconds since 1970.

CREATE FUNCTION now_ms() RETURNS BIGINT LANGUAGE SQL VOLATILE AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- How often a job was taken by a runner: the number of its last run. It never goes back.
ALTER TABLE jobs ADD COLUMN epoch BIGINT NOT NULL DEFAULT 0;
-- The process that runs it, until when nobody else takes it over, and when that was last prolonged.
ALTER TABLE jobs ADD COLUMN worker UUID;
ALTER TABLE jobs ADD COLUMN lease_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN renewed_at BIGINT NOT NULL DEFAULT 0;
-- Steps of the run that are known to be done.
ALTER TABLE jobs ADD COLUMN step BIGINT NOT NULL DEFAULT 0;
-- Since when it has waited.
ALTER TABLE jobs ADD COLUMN queued_at BIGINT NOT NULL DEFAULT now_ms();
-- How often another job of a later turn was taken before it.
ALTER TABLE jobs ADD COLUMN passed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX jobs_waiting ON jobs (caller, seq) WHERE state = 'queued';
CREATE INDEX jobs_waiting_since ON jobs (queued_at) WHERE state = 'queued';
CREATE INDEX jobs_running ON jobs (worker) WHERE state = 'running';
CREATE INDEX usage_by_turn ON usage (spent_ms) WHERE scope = 'caller' AND queued > 0;

-- Which processes hold the expanded keys of which bundles. A hint, lost in a crash of the server.
CREATE UNLOGGED TABLE warm (
    bundle BYTEA NOT NULL,
    worker UUID NOT NULL,
    PRIMARY KEY (bundle, worker)
);
CREATE INDEX warm_by_worker ON warm (worker);

-- Results are named after runs.
CREATE FUNCTION result_name(job UUID, epoch BIGINT) RETURNS TEXT LANGUAGE SQL IMMUTABLE AS $$
    SELECT job::text || CASE WHEN epoch > 0 THEN '.' || epoch ELSE '' END
$$;
CREATE OR REPLACE FUNCTION jobs_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM note_change(OLD.caller, OLD.owner, -(TG_OP = 'DELETE')::int, 0,
            -OLD.request_bytes - coalesce(OLD.result_bytes, 0),
            -(OLD.state = 'queued')::int, -(OLD.state = 'running')::int);
        IF OLD.request_bytes > 0 AND (TG_OP = 'DELETE' OR NEW.request_bytes = 0) THEN
            PERFORM note_deletion('request', OLD.id::text, OLD.request_bytes);
        END IF;
        IF OLD.result_bytes IS NOT NULL AND (TG_OP = 'DELETE' OR NEW.result_bytes IS NULL) THEN
            PERFORM note_deletion('result', result_name(OLD.id, OLD.epoch), OLD.result_bytes);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM note_change(NEW.caller, NEW.owner, (TG_OP = 'INSERT')::int, 0,
            NEW.request_bytes + coalesce(NEW.result_bytes, 0),
            (NEW.state = 'queued')::int, (NEW.state = 'running')::int);
    END IF;
    RETURN NULL;
END $$;
