INSERT INTO timer (id, nr, due, name, stamp, traceparent)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::text[])
ON CONFLICT (id) DO NOTHING
