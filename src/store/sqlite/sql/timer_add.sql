INSERT INTO timer (id, due, name, stamp, traceparent, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (id) DO NOTHING
