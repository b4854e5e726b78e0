-- What the provider decides about a pnode: rack, tags, maintenance, ratios.

-- +goose Up
ALTER TABLE pnodes ADD COLUMN settings TEXT NOT NULL DEFAULT '{}'; -- JSON
