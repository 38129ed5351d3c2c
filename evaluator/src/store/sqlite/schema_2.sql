-- Keys of format 1 are of no use any more, nor is what depends on them. Their blobs and files go
-- when the service finds that no row names them.
DROP TABLE jobs;
DROP TABLE keys;
DROP TABLE bundles;
DROP TABLE uploads;

-- Times are milliseconds since 1970. Owners are SHA-256 hashes of capabilities, schemes are
-- fingerprints of parameter sets. A manifest lists keys: see the wire format.

-- Uploads that are not complete. `received` counts bytes that are on the disk.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    owner BLOB NOT NULL,
    scheme BLOB NOT NULL,
    manifest BLOB NOT NULL,
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
    scheme BLOB NOT NULL,
    manifest BLOB NOT NULL,
    -- SHA-256 of the manifest, and how many keys it lists.
    list BLOB NOT NULL,
    count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;

-- Who may use a bundle. The id is that of the upload.
CREATE TABLE keys (
    id TEXT PRIMARY KEY,
    owner BLOB NOT NULL,
    sha256 BLOB NOT NULL REFERENCES bundles (sha256),
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
    -- SHA-256 of the contract that the request was made for.
    contract BLOB NOT NULL,
    steps INTEGER NOT NULL,
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

-- Further key sets that a job uses. A job that has ended outlives them.
CREATE TABLE job_keys (
    job INTEGER NOT NULL REFERENCES jobs (seq) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    keys TEXT NOT NULL,
    PRIMARY KEY (job, place)
) STRICT;
CREATE INDEX job_keys_by_keys ON job_keys (keys);
