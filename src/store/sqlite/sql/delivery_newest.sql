-- Whether the newest delivery up to a moment is this one; several may be of the same moment.
SELECT EXISTS (SELECT 1 FROM lieferung o WHERE o.partner = l.partner AND o.moment = l.moment AND o.uuid = ?3)
FROM lieferung l WHERE l.partner = ?1 AND l.moment <= ?2 AND l.uuid <> x'' ORDER BY l.moment DESC LIMIT 1
