-- What waits for this key runs now: since ever, because the clock may go back before it does.
UPDATE waiting SET woken = 1, due = 0, lease_until = NULL WHERE key = ?1
