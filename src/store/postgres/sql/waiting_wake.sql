-- What waits for these keys runs now: since ever, because the clock may go back before it does.
UPDATE waiting SET woken = true, due = 0, lease_until = NULL, lauf = NULL WHERE key = ANY ($1::bytea[])
