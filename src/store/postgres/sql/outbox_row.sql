-- Rows by id, for replaying and repeating; held until the end of the transaction.
SELECT o.nr, o.id, o.lane, o.stamp, o.traceparent, o.state FROM outbox o
WHERE o.nr = ANY (ARRAY (SELECT d.nr FROM outbox_id d WHERE d.id = ANY($1::uuid[]))) ORDER BY o.nr FOR UPDATE OF o
