-- Runs have numbers and owners, so that several processes can share a database; here there is one.

-- How often a job was taken by a runner: the number of its last run. It never goes back.
ALTER TABLE jobs ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;
-- The process that runs it, until when nobody else takes it over, and when that was last prolonged.
ALTER TABLE jobs ADD COLUMN worker TEXT;
ALTER TABLE jobs ADD COLUMN lease_until INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN renewed_at INTEGER NOT NULL DEFAULT 0;
-- Steps of the run that are known to be done.
ALTER TABLE jobs ADD COLUMN step INTEGER NOT NULL DEFAULT 0;
-- Since when it has waited.
ALTER TABLE jobs ADD COLUMN queued_at INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET queued_at = created_at;
-- How often another job of a later turn was taken before it.
ALTER TABLE jobs ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;
CREATE INDEX jobs_waiting ON jobs (caller, seq) WHERE state = 'queued';

-- Results are named after runs.
DROP TRIGGER jobs_result_of_expired;
CREATE TRIGGER jobs_result_of_expired AFTER UPDATE OF result_bytes ON jobs
WHEN OLD.result_bytes IS NOT NULL AND NEW.result_bytes IS NULL BEGIN
    INSERT INTO deletions
    VALUES ('result', OLD.id || iif(OLD.epoch > 0, '.' || OLD.epoch, ''), OLD.result_bytes, 0, 0)
    ON CONFLICT DO NOTHING;
END;
DROP TRIGGER jobs_result_of_deleted;
CREATE TRIGGER jobs_result_of_deleted AFTER DELETE ON jobs WHEN OLD.result_bytes IS NOT NULL BEGIN
    INSERT INTO deletions
    VALUES ('result', OLD.id || iif(OLD.epoch > 0, '.' || OLD.epoch, ''), OLD.result_bytes, 0, 0)
    ON CONFLICT DO NOTHING;
END;
