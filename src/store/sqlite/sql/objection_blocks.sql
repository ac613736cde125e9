-- The oldest is enough: of an office that kept a place before only that counts which is older than the handover.
SELECT amt, delivery, why, message, made, since, closed, closed_by, released, released_by, released_for
FROM objection WHERE amt = ?1 AND closed IS NULL AND why = 'unreadable' ORDER BY since LIMIT 1
