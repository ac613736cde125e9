-- Across Mandanten: only for the steps' lookup. The oldest of each office is enough: of one that kept a place before
-- only that counts which is older than the handover.
SELECT q.amt, o.amt, o.delivery, o.why, o.message, o.made, o.since, o.closed, o.closed_by, o.released, o.released_by, o.released_for
FROM unnest($1::text[]) AS q(amt) CROSS JOIN LATERAL (
  SELECT b.* FROM objection b WHERE b.amt = q.amt AND b.closed IS NULL AND b.why = 'unreadable' ORDER BY b.since LIMIT 1
) o
