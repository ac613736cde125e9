-- Older than the moment and older than the newest of the partner.
DELETE FROM lieferung WHERE ctid = ANY (ARRAY (
  SELECT d.ctid FROM (SELECT DISTINCT s.partner FROM stamp s) p CROSS JOIN LATERAL (
    SELECT o.ctid FROM lieferung o WHERE o.partner = p.partner AND o.moment < $1::bigint AND o.moment < (
      SELECT n.moment FROM lieferung n WHERE n.partner = p.partner AND n.uuid <> '' ORDER BY n.moment DESC LIMIT 1)
    ORDER BY o.moment LIMIT $2::bigint) d
  LIMIT $2::bigint))
