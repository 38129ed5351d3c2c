-- Limits by caller: who made a row (a token's name or an address), and counters beside the rows, so
-- that no limit needs a scan. Rows of earlier versions belong to no caller.

ALTER TABLE uploads ADD COLUMN caller TEXT NOT NULL DEFAULT '';
-- When bytes last came.
ALTER TABLE uploads ADD COLUMN progress_at INTEGER NOT NULL DEFAULT 0;
UPDATE uploads SET progress_at = created_at;
ALTER TABLE keys ADD COLUMN caller TEXT NOT NULL DEFAULT '';
ALTER TABLE jobs ADD COLUMN caller TEXT NOT NULL DEFAULT '';
-- How long the run was expected to take.
ALTER TABLE jobs ADD COLUMN cost_ms INTEGER NOT NULL DEFAULT 1000;

CREATE INDEX uploads_by_owner ON uploads (owner);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
CREATE INDEX uploads_by_progress ON uploads (received > 0, progress_at) WHERE refused IS NULL;
CREATE INDEX uploads_by_caller ON uploads (caller, received > 0, progress_at);
CREATE INDEX uploads_complete ON uploads (id) WHERE received = length AND refused IS NULL;
CREATE INDEX keys_by_expiry ON keys (expires_at);
CREATE INDEX jobs_by_caller ON jobs (caller, finished_at);
CREATE INDEX jobs_by_end ON jobs (finished_at);

-- Blobs and files that no row names any more: what is about to be deleted, and what could not be.
CREATE TABLE deletions (
    kind TEXT NOT NULL CHECK (kind IN ('upload', 'bundle', 'request', 'result')),
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT;
CREATE INDEX deletions_by_time ON deletions (next_at);

-- Sums over the rows: of everybody, of a caller, of a capability (its hash in hexadecimal digits).
CREATE TABLE usage (
    scope TEXT NOT NULL CHECK (scope IN ('all', 'caller', 'owner')),
    name TEXT NOT NULL,
    rows INTEGER NOT NULL,
    -- Uploads that still take bytes.
    uploads INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    queued INTEGER NOT NULL,
    running INTEGER NOT NULL,
    -- Time that a caller's runs took, for a fair order.
    spent_ms INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, name)
) STRICT, WITHOUT ROWID;

-- Whatever is inserted here is added to the sums that it belongs to.
CREATE VIEW change AS
    SELECT name AS caller, name AS owner, rows, uploads, bytes, queued, running FROM usage;
CREATE TRIGGER change_added INSTEAD OF INSERT ON change BEGIN
    INSERT INTO usage (scope, name, rows, uploads, bytes, queued, running)
    VALUES ('all', '', NEW.rows, NEW.uploads, NEW.bytes, NEW.queued, NEW.running)
    ON CONFLICT (scope, name) DO UPDATE SET
        rows = rows + excluded.rows, uploads = uploads + excluded.uploads,
        bytes = bytes + excluded.bytes, queued = queued + excluded.queued,
        running = running + excluded.running;
    INSERT INTO usage (scope, name, rows, uploads, bytes, queued, running)
    SELECT 'caller', NEW.caller, NEW.rows, NEW.uploads, NEW.bytes, NEW.queued, NEW.running
    WHERE NEW.caller <> ''
    ON CONFLICT (scope, name) DO UPDATE SET
        rows = rows + excluded.rows, uploads = uploads + excluded.uploads,
        bytes = bytes + excluded.bytes, queued = queued + excluded.queued,
        running = running + excluded.running;
    INSERT INTO usage (scope, name, rows, uploads, bytes, queued, running)
    SELECT 'owner', lower(hex(NEW.owner)), NEW.rows, NEW.uploads, NEW.bytes, NEW.queued, NEW.running
    WHERE NEW.owner IS NOT NULL
    ON CONFLICT (scope, name) DO UPDATE SET
        rows = rows + excluded.rows, uploads = uploads + excluded.uploads,
        bytes = bytes + excluded.bytes, queued = queued + excluded.queued,
        running = running + excluded.running;
    DELETE FROM usage WHERE rows <= 0
        AND (scope, name) IN (VALUES ('caller', NEW.caller), ('owner', lower(hex(NEW.owner))));
END;

CREATE TRIGGER uploads_inserted AFTER INSERT ON uploads BEGIN
    INSERT INTO change VALUES (NEW.caller, NEW.owner, 1, NEW.refused IS NULL, NEW.length, 0, 0);
END;
CREATE TRIGGER uploads_changed AFTER UPDATE OF length, refused ON uploads BEGIN
    INSERT INTO change VALUES (NEW.caller, NEW.owner, 0,
        (NEW.refused IS NULL) - (OLD.refused IS NULL), NEW.length - OLD.length, 0, 0);
END;
CREATE TRIGGER uploads_deleted AFTER DELETE ON uploads BEGIN
    INSERT INTO change VALUES (OLD.caller, OLD.owner, -1, -(OLD.refused IS NULL), -OLD.length, 0, 0);
END;

CREATE TRIGGER keys_inserted AFTER INSERT ON keys BEGIN
    INSERT INTO change VALUES (NEW.caller, NEW.owner, 1, 0, NEW.bytes, 0, 0);
END;
CREATE TRIGGER keys_deleted AFTER DELETE ON keys BEGIN
    INSERT INTO change VALUES (OLD.caller, OLD.owner, -1, 0, -OLD.bytes, 0, 0);
END;

CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs BEGIN
    INSERT INTO change VALUES (NEW.caller, NEW.owner, 1, 0,
        NEW.request_bytes + coalesce(NEW.result_bytes, 0),
        NEW.state = 'queued', NEW.state = 'running');
END;
CREATE TRIGGER jobs_changed AFTER UPDATE OF state, request_bytes, result_bytes ON jobs BEGIN
    INSERT INTO change VALUES (NEW.caller, NEW.owner, 0, 0,
        NEW.request_bytes + coalesce(NEW.result_bytes, 0)
            - OLD.request_bytes - coalesce(OLD.result_bytes, 0),
        (NEW.state = 'queued') - (OLD.state = 'queued'),
        (NEW.state = 'running') - (OLD.state = 'running'));
END;
CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs BEGIN
    INSERT INTO change VALUES (OLD.caller, OLD.owner, -1, 0,
        -OLD.request_bytes - coalesce(OLD.result_bytes, 0),
        -(OLD.state = 'queued'), -(OLD.state = 'running'));
END;

-- What waits for its deletion still takes room, though nobody's.
CREATE TRIGGER deletions_inserted AFTER INSERT ON deletions BEGIN
    INSERT INTO change VALUES ('', NULL, 1, 0, NEW.bytes, 0, 0);
END;
CREATE TRIGGER deletions_deleted AFTER DELETE ON deletions BEGIN
    INSERT INTO change VALUES ('', NULL, -1, 0, -OLD.bytes, 0, 0);
END;

-- Whatever a row named is to be deleted when the row goes, or names it no longer.
CREATE TRIGGER uploads_file_of_deleted AFTER DELETE ON uploads WHEN OLD.refused IS NULL BEGIN
    INSERT INTO deletions VALUES ('upload', OLD.id, OLD.received, 0, 0) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER uploads_file_of_refused AFTER UPDATE OF refused ON uploads
WHEN OLD.refused IS NULL AND NEW.refused IS NOT NULL BEGIN
    INSERT INTO deletions VALUES ('upload', OLD.id, OLD.received, 0, 0) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER bundles_blobs AFTER DELETE ON bundles BEGIN
    INSERT INTO deletions VALUES ('bundle', lower(hex(OLD.sha256)), OLD.bytes, 0, 0)
    ON CONFLICT DO NOTHING;
END;
-- It was sent again before it was deleted.
CREATE TRIGGER bundles_again AFTER INSERT ON bundles BEGIN
    DELETE FROM deletions WHERE kind = 'bundle' AND name = lower(hex(NEW.sha256));
END;
CREATE TRIGGER jobs_request_of_ended AFTER UPDATE OF request_bytes ON jobs
WHEN OLD.request_bytes > 0 AND NEW.request_bytes = 0 BEGIN
    INSERT INTO deletions VALUES ('request', OLD.id, OLD.request_bytes, 0, 0)
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER jobs_request_of_deleted AFTER DELETE ON jobs WHEN OLD.request_bytes > 0 BEGIN
    INSERT INTO deletions VALUES ('request', OLD.id, OLD.request_bytes, 0, 0)
    ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER jobs_result_of_expired AFTER UPDATE OF result_bytes ON jobs
WHEN OLD.result_bytes IS NOT NULL AND NEW.result_bytes IS NULL BEGIN
    INSERT INTO deletions VALUES ('result', OLD.id, OLD.result_bytes, 0, 0) ON CONFLICT DO NOTHING;
END;
CREATE TRIGGER jobs_result_of_deleted AFTER DELETE ON jobs WHEN OLD.result_bytes IS NOT NULL BEGIN
    INSERT INTO deletions VALUES ('result', OLD.id, OLD.result_bytes, 0, 0) ON CONFLICT DO NOTHING;
END;

INSERT INTO change SELECT caller, owner, 1, refused IS NULL, length, 0, 0 FROM uploads;
INSERT INTO change SELECT caller, owner, 1, 0, bytes, 0, 0 FROM keys;
INSERT INTO change SELECT caller, owner, 1, 0, request_bytes + coalesce(result_bytes, 0),
                          state = 'queued', state = 'running' FROM jobs;
