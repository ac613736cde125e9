-- Open ones under keys that were made before a moment; what blocks an office whenever it was. Each key with the place of who asks; whose
-- they are is looked at afterwards. From the key to its row and never the other way round.
SELECT n.place, o.nr, o.amt FROM unnest($1::int[], $2::bytea[], $3::bigint[]) AS n(place, key, before)
CROSS JOIN LATERAL (SELECT a.objection FROM objection_about a WHERE a.key = n.key OFFSET 0) a
CROSS JOIN LATERAL (
  SELECT b.nr, b.amt FROM objection b WHERE b.nr = a.objection AND b.closed IS NULL
    AND (b.made < n.before OR b.why = 'unreadable') LIMIT 1
) o
