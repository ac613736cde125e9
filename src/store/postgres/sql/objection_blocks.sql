-- Across Mandanten: only for the steps' lookup. One of each office is enough.
SELECT q.amt, o.amt, o.delivery, o.why, o.message, o.made, o.since, o.closed, o.closed_by, o.released, o.released_by
FROM unnest($1::text[]) AS q(amt) CROSS JOIN LATERAL (
  SELECT b.* FROM objection b WHERE b.amt = q.amt AND b.closed IS NULL AND b.why = 'unreadable' LIMIT 1
) o
