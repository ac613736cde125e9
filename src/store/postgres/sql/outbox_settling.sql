-- Rows by id with the keys and notes of their contents, for settling; the rows held until the end of the transaction.
SELECT o.nr, o.id, o.lane, o.stamp, o.traceparent, o.state,
  s.mandant_key, s.subject_key, s.data_key, NULL::bytea, NULL::bytea, s.note
FROM outbox_id d JOIN outbox o ON o.nr = d.nr LEFT JOIN sealed s ON s.nr = o.nr
WHERE d.id = ANY($1::uuid[]) ORDER BY o.nr FOR UPDATE OF o
