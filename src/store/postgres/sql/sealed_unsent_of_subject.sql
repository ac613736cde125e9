-- What still has to leave when the child's key dies; what has arrived goes with the key. Held locked, so that who settles such a
-- row comes before or after, never between.
SELECT s.nr, s.mandant_key, s.subject_key, s.data_key, s.head, s.body, s.note, o.id
FROM sealed s JOIN outbox o ON o.nr = s.nr
WHERE s.subject_key = $1 AND s.data_key IS NOT NULL
  AND o.state IS DISTINCT FROM 'sent'
ORDER BY o.nr FOR UPDATE OF o
