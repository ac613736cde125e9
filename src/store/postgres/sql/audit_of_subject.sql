-- The same of one message, row of the outbox or command.
SELECT nr, strang, glied, hash, chain, at, subject, what, detail, salt, traceparent, stamp
FROM audit WHERE subject = $6 AND nr < $1 AND nr >= $2 AND at >= $3 AND at < $4 ORDER BY nr DESC LIMIT $5::bigint
