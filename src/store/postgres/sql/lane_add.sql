-- Lanes without order: one row each.
INSERT INTO lane (nr, destination, next_try) SELECT * FROM unnest($1::bigint[], $2::text[], $3::bigint[])
