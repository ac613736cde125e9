-- Rows to send whose content is sealed under a child's or Vorgang's key. Held until the end of the transaction.
SELECT o.nr, o.id, o.lane, o.destination, s.mandant_key, o.stamp, o.traceparent FROM sealed s JOIN outbox o ON o.nr = s.nr
WHERE s.subject_key = $1 AND o.state IS DISTINCT FROM 'sent' ORDER BY o.nr FOR UPDATE OF o
