-- Rows by id with the keys and notes of their contents, for settling; the rows held until the end of the transaction. Each content by
-- itself: a join of many would be planned for the small table that was counted last, and read it from end to end as it grows.
SELECT o.nr, o.id, o.lane, o.stamp, o.traceparent, o.state, s.mandant_key, s.subject_key, s.data_key, NULL::bytea, NULL::bytea, s.note
FROM outbox o LEFT JOIN LATERAL (
  SELECT c.mandant_key, c.subject_key, c.data_key, c.note FROM sealed c WHERE c.nr = o.nr OFFSET 0
) s ON true
WHERE o.nr = ANY (ARRAY (SELECT d.nr FROM outbox_id d WHERE d.id = ANY($1::uuid[]))) ORDER BY o.nr FOR UPDATE OF o
