-- Links and their rows, also a link without a row and a row without a link.
SELECT k.row, n.hash, n.chain, a.row, a.at, a.subject, a.what, a.detail, a.salt, a.traceparent,
  s.row, s.mandant, s.partner, s.acting_person, s.decided_by,
  a.salt IS NULL AND (
    EXISTS (SELECT 1 FROM inbox i JOIN sealed e ON e.row = i.sealed WHERE i.id = a.subject AND e.data_key IS NOT NULL)
    OR EXISTS (SELECT 1 FROM outbox o JOIN sealed e ON e.row = o.sealed WHERE o.id = a.subject AND e.data_key IS NOT NULL))
FROM (SELECT row FROM audit WHERE row > ?1 UNION SELECT row FROM nachweiskette WHERE row > ?1 ORDER BY row LIMIT ?2) k
LEFT JOIN audit a ON a.row = k.row LEFT JOIN nachweiskette n ON n.row = k.row LEFT JOIN stamp s ON s.row = a.stamp
ORDER BY k.row
