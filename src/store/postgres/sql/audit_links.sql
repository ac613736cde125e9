-- Links of a strand in their order, each with its row.
SELECT audit.nr, strang, glied, hash, chain, at, subject, what, detail, salt, traceparent, stamp,
  CASE WHEN salt IS NULL THEN coalesce(
    (SELECT true FROM inbox_id d JOIN sealed e ON e.nr = d.nr WHERE d.id = audit.subject AND e.data_key IS NOT NULL),
    (SELECT true FROM outbox_id d JOIN sealed e ON e.nr = d.nr WHERE d.id = audit.subject AND e.data_key IS NOT NULL),
    false) ELSE false END
FROM audit WHERE strang = $1 AND glied > $2 ORDER BY glied LIMIT $3::bigint
