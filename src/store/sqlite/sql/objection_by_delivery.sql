SELECT amt, delivery, why, message, made, since, closed, closed_by, released, released_by, released_for
FROM objection WHERE delivery = ?1 ORDER BY since, row LIMIT ?2
