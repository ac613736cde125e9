-- The same of one message, row of the outbox or command.
SELECT audit.nr, strang, glied, hash, chain, at, subject, what, detail, salt, traceparent, stamp,
  CASE WHEN salt IS NULL THEN coalesce(
    (SELECT true FROM inbox_id d JOIN sealed e ON e.nr = d.nr WHERE d.id = audit.subject AND e.data_key IS NOT NULL),
    (SELECT true FROM outbox_id d JOIN sealed e ON e.nr = d.nr WHERE d.id = audit.subject AND e.data_key IS NOT NULL),
    false) ELSE false END
FROM audit WHERE subject = $6 AND nr < $1 AND nr >= $2 AND at >= $3 AND at < $4 ORDER BY nr DESC LIMIT $5::bigint
