-- The same of one message, row of the outbox or command.
SELECT a.row, n.hash, n.chain, a.row, a.at, a.subject, a.what, a.detail, a.salt, a.traceparent,
  s.row, s.mandant, s.partner, s.acting_person, s.decided_by,
  a.salt IS NULL AND (
    EXISTS (SELECT 1 FROM inbox i JOIN sealed e ON e.row = i.sealed WHERE i.id = a.subject AND e.data_key IS NOT NULL)
    OR EXISTS (SELECT 1 FROM outbox o JOIN sealed e ON e.row = o.sealed WHERE o.id = a.subject AND e.data_key IS NOT NULL))
FROM audit a LEFT JOIN nachweiskette n ON n.row = a.row LEFT JOIN stamp s ON s.row = a.stamp
WHERE a.subject = ?5 AND a.row < ?1 AND a.at >= ?2 AND a.at < ?3 ORDER BY a.row DESC LIMIT ?4
