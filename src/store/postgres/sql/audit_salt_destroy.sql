-- The salts of all changes of the messages and sends whose key dies.
UPDATE audit SET salt = NULL WHERE subject IN (
  SELECT i.id FROM inbox i JOIN sealed s ON s.nr = i.nr WHERE s.subject_key = $1
  UNION ALL SELECT o.id FROM outbox o JOIN sealed s ON s.nr = o.nr WHERE s.subject_key = $1)
