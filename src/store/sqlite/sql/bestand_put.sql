INSERT INTO bestand (key, stamp, traceparent, changed, sealed) VALUES (?1, ?2, ?3, ?4, ?5)
ON CONFLICT (key) DO UPDATE SET stamp = excluded.stamp, traceparent = excluded.traceparent, changed = excluded.changed
