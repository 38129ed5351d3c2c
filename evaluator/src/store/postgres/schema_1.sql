-- Times are milliseconds since 1970. Owners are SHA-256 hashes of capabilities, callers tokens' names
-- or addresses, schemes fingerprints of parameter sets. A manifest lists keys: see the wire format.

-- Uploads that are not complete. `received` counts bytes that are on the disk.
CREATE TABLE uploads (
    id UUID PRIMARY KEY,
    owner BYTEA NOT NULL,
    caller TEXT NOT NULL,
    scheme BYTEA NOT NULL,
    manifest BYTEA NOT NULL,
    length BIGINT NOT NULL,
    received BIGINT NOT NULL,
    -- What the client announced, if it did.
    sha256 BYTEA,
    -- Why the upload was refused; nothing more is taken then.
    refused TEXT,
    created_at BIGINT NOT NULL,
    -- When bytes last came.
    progress_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_by_owner ON uploads (owner);
CREATE INDEX uploads_by_expiry ON uploads (expires_at);
CREATE INDEX uploads_by_progress ON uploads ((received > 0), progress_at) WHERE refused IS NULL;
CREATE INDEX uploads_by_caller ON uploads (caller, (received > 0), progress_at);
CREATE INDEX uploads_complete ON uploads (id) WHERE received = length AND refused IS NULL;

-- Key bundles in the blob store, each stored once.
CREATE TABLE bundles (
    sha256 BYTEA PRIMARY KEY,
    scheme BYTEA NOT NULL,
    manifest BYTEA NOT NULL,
    -- SHA-256 of the manifest, and how many keys it lists.
    list BYTEA NOT NULL,
    count BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Who may use a bundle. The id is that of the upload.
CREATE TABLE keys (
    id UUID PRIMARY KEY,
    owner BYTEA NOT NULL,
    caller TEXT NOT NULL,
    sha256 BYTEA NOT NULL REFERENCES bundles (sha256),
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX keys_by_owner ON keys (owner);
CREATE INDEX keys_by_bundle ON keys (sha256);
CREATE INDEX keys_by_expiry ON keys (expires_at);

-- Jobs in the order in which they were accepted.
CREATE TABLE jobs (
    seq BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id UUID NOT NULL UNIQUE,
    owner BYTEA NOT NULL,
    caller TEXT NOT NULL,
    keys UUID NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    -- SHA-256 of the contract that the request was made for.
    contract BYTEA NOT NULL,
    steps BIGINT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'dead')),
    attempts BIGINT NOT NULL,
    idempotency_key TEXT,
    request_sha256 BYTEA NOT NULL,
    request_bytes BIGINT NOT NULL,
    result_bytes BIGINT,
    error_code TEXT,
    error_detail TEXT,
    evaluate_ms BIGINT,
    -- How long the run was expected to take.
    cost_ms BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    finished_at BIGINT,
    UNIQUE (keys, idempotency_key)
);
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_by_owner ON jobs (owner);
CREATE INDEX jobs_by_caller ON jobs (caller, finished_at);
CREATE INDEX jobs_by_end ON jobs (finished_at);

-- Further key sets that a job uses. A job that has ended outlives them.
CREATE TABLE job_keys (
    job BIGINT NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    keys UUID NOT NULL,
    PRIMARY KEY (job, place)
);
CREATE INDEX job_keys_by_keys ON job_keys (keys);

-- Blobs and files that no row names any more: what is about to be deleted, and what could not be.
CREATE TABLE deletions (
    kind TEXT NOT NULL CHECK (kind IN ('upload', 'bundle', 'request', 'result')),
    name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    next_at BIGINT NOT NULL,
    PRIMARY KEY (kind, name)
);
CREATE INDEX deletions_by_time ON deletions (next_at);

-- Sums over the rows: of everybody, of a caller, of a capability (its hash in hexadecimal digits).
CREATE TABLE usage (
    scope TEXT NOT NULL CHECK (scope IN ('all', 'caller', 'owner')),
    name TEXT NOT NULL,
    rows BIGINT NOT NULL,
    -- Uploads that still take bytes.
    uploads BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    queued BIGINT NOT NULL,
    running BIGINT NOT NULL,
    -- Time that a caller's runs took, for a fair order.
    spent_ms BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (scope, name)
);

-- Adds a change to the sums that it belongs to: no caller is '', no owner is NULL.
CREATE FUNCTION note_change(
    of_caller TEXT, of_owner BYTEA,
    d_rows BIGINT, d_uploads BIGINT, d_bytes BIGINT, d_queued BIGINT, d_running BIGINT
) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO usage AS known (scope, name, rows, uploads, bytes, queued, running)
    SELECT whose.scope, whose.name, d_rows, d_uploads, d_bytes, d_queued, d_running
    FROM (VALUES ('all', ''), ('caller', of_caller), ('owner', encode(of_owner, 'hex')))
        AS whose (scope, name)
    WHERE whose.name IS NOT NULL AND (whose.scope = 'all' OR whose.name <> '')
    ON CONFLICT (scope, name) DO UPDATE SET
        rows = known.rows + excluded.rows, uploads = known.uploads + excluded.uploads,
        bytes = known.bytes + excluded.bytes, queued = known.queued + excluded.queued,
        running = known.running + excluded.running;
    DELETE FROM usage WHERE rows <= 0
        AND (scope, name) IN (('caller', of_caller), ('owner', encode(of_owner, 'hex')));
END $$;

CREATE FUNCTION note_deletion(of_kind TEXT, of_name TEXT, of_bytes BIGINT) RETURNS VOID
LANGUAGE SQL AS $$
    INSERT INTO deletions VALUES (of_kind, of_name, of_bytes, 0, 0) ON CONFLICT DO NOTHING;
$$;

-- A new row adds what it has, a deleted one takes it away, a changed one does both. Whatever a row
-- named is to be deleted when the row goes, or names it no longer.

CREATE FUNCTION uploads_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM note_change(OLD.caller, OLD.owner,
            -(TG_OP = 'DELETE')::int, -(OLD.refused IS NULL)::int, -OLD.length, 0, 0);
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM note_change(NEW.caller, NEW.owner,
            (TG_OP = 'INSERT')::int, (NEW.refused IS NULL)::int, NEW.length, 0, 0);
    END IF;
    IF TG_OP <> 'INSERT' AND OLD.refused IS NULL
        AND (TG_OP = 'DELETE' OR NEW.refused IS NOT NULL) THEN
        PERFORM note_deletion('upload', OLD.id::text, OLD.received);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER uploads_changed AFTER INSERT OR DELETE OR UPDATE OF length, refused ON uploads
    FOR EACH ROW EXECUTE FUNCTION uploads_changed();

CREATE FUNCTION keys_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM note_change(NEW.caller, NEW.owner, 1, 0, NEW.bytes, 0, 0);
    ELSE
        PERFORM note_change(OLD.caller, OLD.owner, -1, 0, -OLD.bytes, 0, 0);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER keys_changed AFTER INSERT OR DELETE ON keys
    FOR EACH ROW EXECUTE FUNCTION keys_changed();

CREATE FUNCTION bundles_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        PERFORM note_deletion('bundle', encode(OLD.sha256, 'hex'), OLD.bytes);
    ELSE
        -- It was sent again before it was deleted.
        DELETE FROM deletions WHERE kind = 'bundle' AND name = encode(NEW.sha256, 'hex');
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER bundles_changed AFTER INSERT OR DELETE ON bundles
    FOR EACH ROW EXECUTE FUNCTION bundles_changed();

CREATE FUNCTION jobs_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM note_change(OLD.caller, OLD.owner, -(TG_OP = 'DELETE')::int, 0,
            -OLD.request_bytes - coalesce(OLD.result_bytes, 0),
            -(OLD.state = 'queued')::int, -(OLD.state = 'running')::int);
        IF OLD.request_bytes > 0 AND (TG_OP = 'DELETE' OR NEW.request_bytes = 0) THEN
            PERFORM note_deletion('request', OLD.id::text, OLD.request_bytes);
        END IF;
        IF OLD.result_bytes IS NOT NULL AND (TG_OP = 'DELETE' OR NEW.result_bytes IS NULL) THEN
            PERFORM note_deletion('result', OLD.id::text, OLD.result_bytes);
        END IF;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM note_change(NEW.caller, NEW.owner, (TG_OP = 'INSERT')::int, 0,
            NEW.request_bytes + coalesce(NEW.result_bytes, 0),
            (NEW.state = 'queued')::int, (NEW.state = 'running')::int);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER jobs_changed
    AFTER INSERT OR DELETE OR UPDATE OF state, request_bytes, result_bytes ON jobs
    FOR EACH ROW EXECUTE FUNCTION jobs_changed();

-- What waits for its deletion still takes room, though nobody's.
CREATE FUNCTION deletions_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM note_change('', NULL, 1, 0, NEW.bytes, 0, 0);
    ELSE
        PERFORM note_change('', NULL, -1, 0, -OLD.bytes, 0, 0);
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER deletions_changed AFTER INSERT OR DELETE ON deletions
    FOR EACH ROW EXECUTE FUNCTION deletions_changed();
