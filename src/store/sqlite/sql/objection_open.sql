-- The same content of an office counts once: an open one keeps its beginning, a closed one stays closed.
INSERT INTO objection (id, amt, delivery, stamp, traceparent, why, message, made, since, ende)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
ON CONFLICT (id) DO UPDATE SET why = excluded.why WHERE closed IS NULL
