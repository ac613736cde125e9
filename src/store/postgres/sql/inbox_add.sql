-- New messages. An id that is there already breaks the transaction.
WITH ids AS (INSERT INTO inbox_id (id, nr) SELECT * FROM unnest($2::uuid[], $1::bigint[]) AS n(id, nr) ORDER BY n.id)
INSERT INTO inbox (nr, id, stamp, traceparent, state, conflict, received, committed, connection, binding, transport, message,
  route, codes, size, content, kept)
SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::text[], $6::boolean[], $7::bigint[],
  $8::bigint[], $9::text[], $10::text[], $11::bytea[], $12::text[], $13::text[], $14::text[], $15::bigint[], $16::bytea[],
  $17::boolean[])
