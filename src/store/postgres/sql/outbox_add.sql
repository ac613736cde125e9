-- Rows to send; the places within their lanes are drawn in the given order, while the lanes are locked.
WITH ids AS (INSERT INTO outbox_id (id, nr) SELECT * FROM unnest($2::uuid[], $1::bigint[]))
INSERT INTO outbox (nr, id, lane, stamp, traceparent, cause, destination, partner, message, state, queued, deadline, after,
  not_before)
SELECT n.nr, n.id, n.lane, n.stamp, n.traceparent, n.cause, n.destination, n.partner, n.message, 'queued', n.queued, n.deadline,
  n.after, n.not_before
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::uuid[], $7::text[], $8::text[], $9::text[],
  $10::bigint[], $11::bigint[], $12::uuid[], $13::bigint[]) WITH ORDINALITY
  AS n(nr, id, lane, stamp, traceparent, cause, destination, partner, message, queued, deadline, after, not_before, place)
ORDER BY n.place
