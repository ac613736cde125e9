-- In one order for all processes.
INSERT INTO vorgang_spur (key, vorgang)
SELECT DISTINCT n.key, n.vorgang FROM unnest($1::bytea[], $2::bytea[]) AS n(key, vorgang) ORDER BY n.key, n.vorgang
ON CONFLICT DO NOTHING
