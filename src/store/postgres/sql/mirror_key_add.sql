-- Search keys of records that have none: of new ones, and of changed ones whose keys were deleted. A doubled one is a fault.
INSERT INTO mirror_key (key, mirror) SELECT * FROM unnest($1::bytea[], $2::bigint[]) AS n(key, mirror) ORDER BY n.key
