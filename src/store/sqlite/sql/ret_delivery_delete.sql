-- Older than the moment and not the newest of the partner.
DELETE FROM lieferung WHERE (partner, moment, uuid) IN (
  SELECT l.partner, l.moment, l.uuid FROM lieferung l WHERE l.moment < ?1
    AND EXISTS (SELECT 1 FROM lieferung n WHERE n.partner = l.partner AND n.moment > l.moment AND n.uuid <> x'') LIMIT ?2)
