-- Migrations are append-only: a file that was released is never edited.
-- Every time is Unix milliseconds UTC except where a column says seconds.

-- +goose Up
CREATE TABLE tenants (
    name       TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE tokens (
    id         TEXT PRIMARY KEY,
    hash       TEXT NOT NULL UNIQUE, -- SHA-256 of the secret, hex
    role       TEXT NOT NULL,
    tenant     TEXT REFERENCES tenants (name), -- NULL: the provider's
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used  INTEGER
) STRICT;

CREATE TABLE enrolments (
    hash       TEXT PRIMARY KEY,
    pnode      TEXT NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT;

CREATE TABLE pnodes (
    name        TEXT PRIMARY KEY,
    facts       TEXT NOT NULL, -- JSON
    drained     INTEGER NOT NULL,
    enrolled_at INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    cert_serial TEXT NOT NULL,
    version     INTEGER NOT NULL
) STRICT;

CREATE TABLE clusters (
    id              TEXT PRIMARY KEY,
    tenant          TEXT NOT NULL REFERENCES tenants (name),
    name            TEXT NOT NULL,
    state           TEXT NOT NULL,
    live            INTEGER NOT NULL, -- holds its name and its resources
    version         INTEGER NOT NULL,
    created_at      INTEGER NOT NULL,
    start_at        INTEGER NOT NULL,
    end_at          INTEGER NOT NULL,
    prepare_at      INTEGER NOT NULL,
    vlan            INTEGER NOT NULL,
    outside_address TEXT NOT NULL,
    doc             TEXT NOT NULL -- JSON of the whole cluster without its nodes
) STRICT;
CREATE UNIQUE INDEX clusters_live_name ON clusters (tenant, name) WHERE live = 1;
CREATE INDEX clusters_by_name ON clusters (tenant, name, created_at);
CREATE INDEX clusters_live ON clusters (prepare_at) WHERE live = 1;

CREATE TABLE vnodes (
    cluster_id TEXT NOT NULL REFERENCES clusters (id) ON DELETE CASCADE,
    idx        INTEGER NOT NULL, -- place in the cluster's list
    name       TEXT NOT NULL,
    appliance  TEXT NOT NULL,
    pnode      TEXT NOT NULL, -- '' while it has none
    state      TEXT NOT NULL,
    cpus       INTEGER NOT NULL,
    memory_mib INTEGER NOT NULL,
    disk_mib   INTEGER NOT NULL,
    doc        TEXT NOT NULL, -- JSON of the whole node
    PRIMARY KEY (cluster_id, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX vnodes_by_pnode ON vnodes (pnode);

CREATE TABLE cluster_secrets (
    cluster_id TEXT PRIMARY KEY REFERENCES clusters (id) ON DELETE CASCADE,
    doc        BLOB NOT NULL
) STRICT;

CREATE TABLE events (
    seq        INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    tenant     TEXT NOT NULL,
    cluster_id TEXT NOT NULL,
    cluster    TEXT NOT NULL,
    node       TEXT NOT NULL,
    type       TEXT NOT NULL,
    message    TEXT NOT NULL
) STRICT;
CREATE INDEX events_by_cluster ON events (cluster_id, seq);
CREATE INDEX events_by_tenant ON events (tenant, seq);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value BLOB NOT NULL
) STRICT;

CREATE TABLE idempotency (
    owner        TEXT NOT NULL,
    key          TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status       INTEGER NOT NULL,
    body         BLOB NOT NULL,
    at           INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;
CREATE INDEX idempotency_by_age ON idempotency (at);

CREATE TABLE preparations (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    profile TEXT NOT NULL, -- content address
    pnode   TEXT NOT NULL,
    stage   TEXT NOT NULL,
    seconds REAL NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
