-- Further search keys of records that have some.
INSERT INTO mirror_key (key, mirror) SELECT * FROM unnest($1::bytea[], $2::bigint[]) AS n(key, mirror) ORDER BY n.key
ON CONFLICT DO NOTHING
