-- How long preparing and wiping took, for estimates: with the size of the
-- vnodes, and how many of them were on the pnode at once. What was known
-- before is kept as a measurement of whatever profile.

-- +goose Up
CREATE TABLE measurements (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    stage   TEXT NOT NULL,
    tenant  TEXT NOT NULL, -- whose own rolls; '' for published ones
    profile TEXT NOT NULL,
    size    TEXT NOT NULL,
    pnode   TEXT NOT NULL,
    crowd   INTEGER NOT NULL,
    seconds REAL NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX measurements_by_key ON measurements (stage, tenant, profile, size, pnode, id);
INSERT INTO measurements (stage, tenant, profile, size, pnode, crowd, seconds, at)
    SELECT CASE stage WHEN 'build' THEN 'build' ELSE 'up' END, '', profile, '', '', 0, seconds, at
    FROM preparations ORDER BY id;
DROP TABLE preparations;
