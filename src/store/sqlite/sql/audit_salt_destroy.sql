-- The salts of all changes of the messages and sends whose key dies.
UPDATE audit SET salt = NULL WHERE subject IN (
  SELECT i.id FROM inbox i JOIN sealed s ON s.row = i.sealed WHERE s.subject_key = ?1
  UNION ALL SELECT o.id FROM outbox o JOIN sealed s ON s.row = o.sealed WHERE s.subject_key = ?1)
