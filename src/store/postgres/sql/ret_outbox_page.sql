-- Sends of a month, in the order of their numbers.
SELECT nr, id FROM outbox WHERE nr >= $1 AND nr < $2 ORDER BY nr LIMIT $3::bigint
