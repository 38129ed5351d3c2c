-- Bytes that several processes share.

-- Where a bundle lies in the blob store: bytes that are sent again after they were deleted get a place
-- of their own, so that no deletion touches them. Bundles of earlier versions have the nil place.
ALTER TABLE bundles ADD COLUMN place UUID NOT NULL
    DEFAULT '00000000-0000-0000-0000-000000000000';
DROP TRIGGER bundles_changed ON bundles;
CREATE OR REPLACE FUNCTION bundles_changed() RETURNS TRIGGER LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_deletion(
        'bundle',
        encode(OLD.sha256, 'hex') || CASE OLD.place
            WHEN '00000000-0000-0000-0000-000000000000' THEN '' ELSE '.' || OLD.place::text END,
        OLD.bytes);
    RETURN NULL;
END $$;
CREATE TRIGGER bundles_changed AFTER DELETE ON bundles
    FOR EACH ROW EXECUTE FUNCTION bundles_changed();

-- Grows with every request that writes: only the newest one commits.
ALTER TABLE uploads ADD COLUMN token BIGINT NOT NULL DEFAULT 0;
-- Until then somebody writes, perhaps another process.
ALTER TABLE uploads ADD COLUMN writing_until BIGINT NOT NULL DEFAULT 0;

-- The bytes of unfinished uploads where they are objects: one row an object, without gaps.
CREATE TABLE upload_parts (
    upload UUID NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    start BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    -- That of the request which stored it.
    token BIGINT NOT NULL,
    sha256 BYTEA NOT NULL,
    PRIMARY KEY (upload, start)
);
