INSERT INTO tombstone (key, stamp, traceparent, created, until) VALUES (?1, ?2, ?3, ?4, ?5)
-- The younger deletion counts.
ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp, traceparent = excluded.traceparent,
  created = max(created, excluded.created), until = max(until, excluded.until)
