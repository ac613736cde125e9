SELECT amt, delivery, why, message, made, since, closed, closed_by, released, released_by, released_for
FROM objection WHERE amt = $1 AND closed IS NULL ORDER BY since, nr LIMIT $2
