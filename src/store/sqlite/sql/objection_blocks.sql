-- One is enough.
SELECT amt, delivery, why, message, made, since, closed, closed_by, released, released_by
FROM objection WHERE amt = ?1 AND closed IS NULL AND why = 'unreadable' LIMIT 1
