INSERT INTO vorgang (key, id, stamp, traceparent, owner, state, deadline, subject_key, sealed, geaendert)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
-- A change of a Vorgang that exists keeps its key.
ON CONFLICT (key) DO UPDATE SET id = excluded.id, stamp = excluded.stamp, traceparent = excluded.traceparent,
  owner = excluded.owner, state = excluded.state, deadline = excluded.deadline, sealed = excluded.sealed,
  geaendert = excluded.geaendert
