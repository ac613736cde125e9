-- Which rows need which claim file.
INSERT INTO claim_use (name, sealed, data_key) SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[]) ON CONFLICT DO NOTHING
