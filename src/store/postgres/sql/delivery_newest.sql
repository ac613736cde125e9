-- Whether no delivery up to a moment is younger for certain than this one, by moment and by stamp: of two that came with stamps ahead of
-- their receipts the stamps say more than the ways; none is noted that lies ahead by more than a day.
SELECT EXISTS (
  SELECT 1 FROM lieferung l WHERE l.partner = $1 AND l.moment <= $2::bigint AND l.uuid = $3::bytea AND NOT EXISTS (
    SELECT 1 FROM lieferung o WHERE o.partner = l.partner AND o.moment <= $2::bigint AND o.uuid <> ''
      AND o.moment > CASE WHEN l.stempel > l.moment THEN l.moment - 86400000000 ELSE l.moment END
      AND coalesce(o.stempel, o.moment) > coalesce(l.stempel, l.moment) AND (o.moment > l.moment OR o.stempel > o.moment)))
WHERE EXISTS (SELECT 1 FROM lieferung n WHERE n.partner = $1 AND n.moment <= $2::bigint AND n.uuid <> '')
