-- The first unsettled row of a lane, whether what it comes after was sent, and before when it must not leave.
SELECT o.state, o.after IS NULL OR a.state = 'sent', o.not_before
FROM outbox o LEFT JOIN outbox a ON a.id = o.after
WHERE o.lane = ?1 AND o.state <> 'sent'
ORDER BY o.row LIMIT 1
