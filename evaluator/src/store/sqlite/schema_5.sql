-- Bytes that several processes share.

-- Where a bundle lies in the blob store: bytes that are sent again after they were deleted get a place
-- of their own, so that no deletion touches them. Bundles of earlier versions have the nil place.
ALTER TABLE bundles ADD COLUMN place TEXT NOT NULL
    DEFAULT '00000000-0000-0000-0000-000000000000';
DROP TRIGGER bundles_again;
DROP TRIGGER bundles_blobs;
CREATE TRIGGER bundles_blobs AFTER DELETE ON bundles BEGIN
    INSERT INTO deletions (kind, name, bytes, attempts, next_at) VALUES (
        'bundle',
        lower(hex(OLD.sha256)) || CASE OLD.place
            WHEN '00000000-0000-0000-0000-000000000000' THEN '' ELSE '.' || OLD.place END,
        OLD.bytes, 0, 0)
    ON CONFLICT DO NOTHING;
END;

-- Grows with every request that writes: only the newest one commits.
ALTER TABLE uploads ADD COLUMN token INTEGER NOT NULL DEFAULT 0;
-- Until then somebody writes, perhaps another process.
ALTER TABLE uploads ADD COLUMN writing_until INTEGER NOT NULL DEFAULT 0;

-- The bytes of unfinished uploads where they are objects: one row an object, without gaps.
CREATE TABLE upload_parts (
    upload TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    start INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    -- That of the request which stored it.
    token INTEGER NOT NULL,
    sha256 BLOB NOT NULL,
    PRIMARY KEY (upload, start)
) STRICT, WITHOUT ROWID;
