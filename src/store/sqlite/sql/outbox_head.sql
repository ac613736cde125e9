-- The first unsettled row of a lane, and whether what it comes after was sent.
SELECT o.state, o.after IS NULL OR a.state = 'sent'
FROM outbox o LEFT JOIN outbox a ON a.id = o.after
WHERE o.lane = ?1 AND o.state <> 'sent'
ORDER BY o.row LIMIT 1
