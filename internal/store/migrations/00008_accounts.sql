-- What a cluster holds from an event on, where that changes: the accounts
-- follow from it. Clusters of older releases never grew or shrank.

-- +goose Up
ALTER TABLE events ADD COLUMN holds TEXT NOT NULL DEFAULT ''; -- JSON, '' where nothing changed
UPDATE events SET holds = json_object(
        'since', strftime('%Y-%m-%dT%H:%M:%fZ', at / 1000.0, 'unixepoch'),
        CASE type WHEN 'active' THEN 'window' ELSE 'prepare' END,
        (SELECT json_object('vnodes', count(*), 'cpus', sum(cpus), 'memoryMiB', sum(memory_mib), 'addresses', 1)
         FROM vnodes WHERE vnodes.cluster_id = events.cluster_id))
    WHERE type IN ('preparing', 'active');
UPDATE events SET holds = json_object('since', strftime('%Y-%m-%dT%H:%M:%fZ',
        min(at, (SELECT end_at FROM clusters WHERE clusters.id = events.cluster_id)) / 1000.0, 'unixepoch'))
    WHERE type IN ('ending', 'failed', 'cancelled')
        AND EXISTS (SELECT 1 FROM clusters WHERE clusters.id = events.cluster_id);
CREATE INDEX events_holds ON events (cluster_id, seq) WHERE holds <> '';
CREATE INDEX clusters_by_end ON clusters (end_at) WHERE live = 0;
