INSERT INTO vorgang (nr, key, id, stamp, traceparent, owner, state, deadline, subject_key, geaendert)
SELECT * FROM unnest($1::bigint[], $2::bytea[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[],
  $9::bigint[], $10::bigint[])
-- A change of a Vorgang that exists keeps its number and key.
ON CONFLICT (key) DO UPDATE SET id = excluded.id, stamp = excluded.stamp, traceparent = excluded.traceparent,
  owner = excluded.owner, state = excluded.state, deadline = excluded.deadline, geaendert = excluded.geaendert
