SELECT nr FROM objection WHERE closed < $1 ORDER BY closed LIMIT $2::bigint
