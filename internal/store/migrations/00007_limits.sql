-- What tenants may hold, and how to find what they had: node-hours of a period
-- count clusters that are over too.

-- +goose Up
CREATE TABLE limits (
    tenant TEXT PRIMARY KEY, -- '' is the site's defaults
    doc    TEXT NOT NULL     -- JSON
) STRICT;
CREATE INDEX clusters_past ON clusters (tenant, end_at) WHERE live = 0;
