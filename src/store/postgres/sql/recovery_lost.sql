-- What was acknowledged is missing: closed as after a recovery, from the last moment that the database knows on. Where that is known
-- already the earlier moment holds.
UPDATE recovery r SET since = coalesce(r.since, n.now), applied = false,
  lost_from = least(r.lost_from, n.until), lost_until = greatest(r.lost_until, n.now), lost = coalesce(r.lost, 0) + $1
FROM (
  SELECT coalesce((SELECT a.at FROM audit a ORDER BY a.nr DESC LIMIT 1), w.now) AS until, w.now
  FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now) w
) n
