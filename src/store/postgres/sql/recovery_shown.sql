-- What was acknowledged is missing, as files beside the database show it: closed as after a recovery, from the last moment that the database
-- knows on, until what the files say. Shown again it is the same loss.
UPDATE recovery r SET since = coalesce(r.since, n.now), applied = false,
  lost_from = least(r.lost_from, n.until), lost_until = greatest(r.lost_until, $2), lost = greatest(coalesce(r.lost, 0), $1)
FROM (
  SELECT least(coalesce((SELECT a.at FROM audit a ORDER BY a.nr DESC LIMIT 1), $2), $2) AS until, w.now
  FROM (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now) w
) n
