-- The same content of an office counts once: an open one keeps its beginning, a closed one stays closed and gives no number.
INSERT INTO objection AS o (id, amt, delivery, stamp, traceparent, why, message, made, since, ende)
SELECT * FROM unnest($1::bytea[], $2::text[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::text[], $8::bigint[], $9::bigint[],
  $10::bytea[]) AS n(id, amt, delivery, stamp, traceparent, why, message, made, since, ende) ORDER BY n.id
ON CONFLICT (id) DO UPDATE SET why = excluded.why WHERE o.closed IS NULL
RETURNING o.id, o.nr
