-- The keys of new messages, in one order for all processes so that they never wait for each other in a circle.
-- A resumed message has its keys already: only the verdict changes, and only where the key is its own. Of what was forgotten (`FORGOT`
-- in `sealing/shown.rs`) the same said again takes them over. Fewer rows than keys: another process was faster, and the transaction is
-- done again.
INSERT INTO idempotency (key, content, message, conflict, state, codes, seit)
SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::uuid[], $4::boolean[], $5::text[], $6::text[], $7::bigint[])
  AS n(key, content, message, conflict, state, codes, seit)
ORDER BY n.key
ON CONFLICT (key) DO UPDATE
  SET message = excluded.message, state = excluded.state, codes = excluded.codes, seit = excluded.seit
  WHERE idempotency.message = excluded.message
    OR (idempotency.codes = 'vergessen' AND idempotency.content = excluded.content)
