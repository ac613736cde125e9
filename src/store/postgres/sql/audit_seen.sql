-- Changes for an auditor, newest first.
SELECT nr, strang, glied, hash, chain, at, subject, what, detail, salt, traceparent, stamp
FROM audit WHERE nr < $1 AND nr >= $2 AND at >= $3 AND at < $4 ORDER BY nr DESC LIMIT $5::bigint
