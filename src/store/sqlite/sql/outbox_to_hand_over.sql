-- What a message sent to a partner, and what has not left in these lanes (?3, JSON).
SELECT id FROM outbox WHERE row IN (
  SELECT row FROM outbox WHERE cause = ?1 AND partner = ?2
  UNION SELECT row FROM outbox WHERE lane IN (SELECT value FROM json_each(?3)) AND state <> 'sent')
ORDER BY row
