INSERT INTO tombstone AS t (key, stamp, traceparent, created, until)
SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::text[], $4::bigint[], $5::bigint[])
-- The younger deletion counts.
ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp, traceparent = excluded.traceparent,
  created = greatest(t.created, excluded.created), until = greatest(t.until, excluded.until)
