SELECT amt, delivery, why, message, made, since, closed, closed_by, released, released_by
FROM objection WHERE delivery = $1 ORDER BY since, nr LIMIT $2
