-- New records.
INSERT INTO mirror (nr, id, stamp, traceparent, cause, changed, subject_key)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[])
