-- What events say, for programs; '' for those of older releases and those that
-- say nothing more than their type.

-- +goose Up
ALTER TABLE events ADD COLUMN detail TEXT NOT NULL DEFAULT ''; -- JSON
