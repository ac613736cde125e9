-- A change keeps the number.
INSERT INTO bestand (key, nr, stamp, traceparent, changed)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[])
ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp, traceparent = excluded.traceparent, changed = excluded.changed
