-- A row that is sent again is followed anew.
INSERT INTO followed (outbox, destination, state, since, due, until, kept)
SELECT row, destination, 'open', ?2, ?3, ?4, ?5 FROM outbox WHERE row = ?1
ON CONFLICT (outbox) DO UPDATE SET state = excluded.state, since = excluded.since, due = excluded.due, until = excluded.until,
  looks = 0, kept = excluded.kept, proof = NULL
