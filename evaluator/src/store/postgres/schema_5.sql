-- A change of a job is one change of the sums, where it was two: jobs change neither caller nor owner.
CREATE OR REPLACE FUNCTION jobs_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        PERFORM note_change(NEW.caller, NEW.owner, 1, 0,
            NEW.request_bytes + coalesce(NEW.result_bytes, 0),
            (NEW.state = 'queued')::int, (NEW.state = 'running')::int);
    ELSIF TG_OP = 'DELETE' THEN
        PERFORM note_change(OLD.caller, OLD.owner, -1, 0,
            -OLD.request_bytes - coalesce(OLD.result_bytes, 0),
            -(OLD.state = 'queued')::int, -(OLD.state = 'running')::int);
    ELSE
        PERFORM note_change(NEW.caller, NEW.owner, 0, 0,
            NEW.request_bytes + coalesce(NEW.result_bytes, 0)
                - OLD.request_bytes - coalesce(OLD.result_bytes, 0),
            (NEW.state = 'queued')::int - (OLD.state = 'queued')::int,
            (NEW.state = 'running')::int - (OLD.state = 'running')::int);
    END IF;
    IF TG_OP <> 'INSERT' THEN
        IF OLD.request_bytes > 0 AND (TG_OP = 'DELETE' OR NEW.request_bytes = 0) THEN
            PERFORM note_deletion('request', OLD.id::text, OLD.request_bytes);
        END IF;
        IF OLD.result_bytes IS NOT NULL AND (TG_OP = 'DELETE' OR NEW.result_bytes IS NULL) THEN
            PERFORM note_deletion('result', result_name(OLD.id, OLD.epoch), OLD.result_bytes);
        END IF;
    END IF;
    RETURN NULL;
END $$;

-- Functions in SQL are planned at each call.
CREATE OR REPLACE FUNCTION note_deletion(of_kind TEXT, of_name TEXT, of_bytes BIGINT) RETURNS VOID
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO deletions VALUES (of_kind, of_name, of_bytes, 0, 0) ON CONFLICT DO NOTHING;
END $$;
CREATE OR REPLACE FUNCTION note_change(
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
    IF d_rows < 0 THEN
        DELETE FROM usage WHERE rows <= 0
            AND (scope, name) IN (('caller', of_caller), ('owner', encode(of_owner, 'hex')));
    END IF;
END $$;
