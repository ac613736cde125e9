-- Messages that wait; what waits for nothing runs at once: since ever, because the clock may go back before it does.
INSERT INTO waiting (inbox, key, until, due) SELECT n.inbox, n.key, n.until, coalesce(n.until, 0)
FROM unnest($1::bigint[], $2::bytea[], $3::bigint[]) AS n(inbox, key, until)
ON CONFLICT (inbox) DO UPDATE SET key = excluded.key, until = excluded.until, due = excluded.due, woken = false,
  person = NULL, lease_until = NULL, lauf = NULL
