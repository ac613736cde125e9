-- Links of a strand in their order, each with its row.
SELECT nr, strang, glied, hash, chain, at, subject, what, detail, salt, traceparent, stamp
FROM audit WHERE strang = $1 AND glied > $2 ORDER BY glied LIMIT $3::bigint
