-- Every combination of attributes of the partner, then its records by index; less what came and plus what went after the moment.
SELECT (coalesce((SELECT sum((SELECT count(*) FROM mirror m WHERE m.stamp = s.nr)) FROM stamp s WHERE s.partner = $1), 0)
  - coalesce((SELECT sum(l.delta) FROM lieferung l WHERE l.partner = $1 AND l.moment > $2::bigint), 0))::bigint
