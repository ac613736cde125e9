-- A row that is sent again is followed anew.
INSERT INTO followed (nr, destination, state, since, due, until, kept)
SELECT n.nr, o.destination, 'open', n.since, n.due, n.until, n.kept
FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[]) AS n(nr, since, due, until, kept)
JOIN outbox o ON o.nr = n.nr
ON CONFLICT (nr) DO UPDATE SET state = excluded.state, since = excluded.since, due = excluded.due, until = excluded.until,
  looks = 0, kept = excluded.kept, proof = NULL
