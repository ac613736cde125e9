INSERT INTO objection_key (key, objection) SELECT * FROM unnest($1::bytea[], $2::bigint[]) AS n(key, objection) ORDER BY n.key, n.objection
ON CONFLICT DO NOTHING
