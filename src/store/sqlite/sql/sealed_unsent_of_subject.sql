-- What still has to leave when the child's key dies.
SELECT s.row, s.data_key, o.id FROM sealed s JOIN outbox o ON o.sealed = s.row
WHERE s.subject_key = ?1 AND s.data_key IS NOT NULL
  AND o.state <> 'sent'
