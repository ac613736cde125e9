-- Across Mandanten: only for the steps' lookup. One of each key is enough. From the key to its row and never the other way round.
SELECT q.key, o.amt, o.delivery, o.why, o.message, o.made, o.since, o.closed, o.closed_by, o.released, o.released_by, o.released_for
FROM unnest($1::bytea[]) AS q(key) CROSS JOIN LATERAL (
  SELECT r.* FROM objection_key k CROSS JOIN LATERAL (SELECT b.* FROM objection b WHERE b.nr = k.objection LIMIT 1) r
  WHERE k.key = q.key LIMIT 1
) o
