-- A pnode that renews its certificate may show the old one until it has shown
-- the new one: the answer that carries it may be lost.

-- +goose Up
ALTER TABLE pnodes ADD COLUMN cert_next TEXT NOT NULL DEFAULT '';
