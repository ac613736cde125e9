-- Contents of many rows at once.
INSERT INTO sealed (nr, mandant_key, subject_key, data_key, head, body, note)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[])
