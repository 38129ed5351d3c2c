-- Times are milliseconds since 1970. Owners are SHA-256 hashes of capabilities.

-- Uploads that are not complete. `received` counts bytes that are on the disk.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    owner BLOB NOT NULL,
    model TEXT NOT NULL,
    length INTEGER NOT NULL,
    received INTEGER NOT NULL,
    -- What the client announced, if it did.
    sha256 BLOB,
    -- Why the upload was refused; nothing more is taken then.
    refused TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;

-- Key bundles in the blob store, each stored once.
CREATE TABLE bundles (
    sha256 BLOB PRIMARY KEY,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Who may use a bundle. The id is that of the upload.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    owner BLOB NOT NULL,
    sha256 BLOB NOT NULL REFERENCES bundles (sha256),
    model TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX keys_by_owner ON keys (owner);
CREATE INDEX keys_by_bundle ON keys (sha256);

-- Jobs in the order in which they were accepted.
CREATE TABLE jobs (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner BLOB NOT NULL,
    keys TEXT NOT NULL REFERENCES keys (id) ON DELETE CASCADE,
    model TEXT NOT NULL,
    state TEXT NOT NULL
        CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled', 'dead')),
    attempts INTEGER NOT NULL,
    idempotency_key TEXT,
    request_sha256 BLOB NOT NULL,
    request_bytes INTEGER NOT NULL,
    result_bytes INTEGER,
    error_code TEXT,
    error_detail TEXT,
    evaluate_ms INTEGER,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    finished_at INTEGER,
    UNIQUE (keys, idempotency_key)
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, seq);
CREATE INDEX jobs_by_owner ON jobs (owner);
