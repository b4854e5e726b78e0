-- Rolls that were pushed: published by the provider, or a tenant's own. A
-- version never changes what it means, also after it was deleted: its row and
-- its digest stay.

-- +goose Up
CREATE TABLE rolls (
    tenant     TEXT NOT NULL, -- '' is the provider: published to all
    name       TEXT NOT NULL,
    version    TEXT NOT NULL,
    digest     TEXT NOT NULL, -- of the content, hex
    bytes      INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    token_id   TEXT NOT NULL, -- who pushed it
    deleted_at INTEGER,
    archive    BLOB NOT NULL, -- as packed by Quarry; empty once deleted
    PRIMARY KEY (tenant, name, version)
) STRICT;
CREATE INDEX rolls_by_name ON rolls (name);
