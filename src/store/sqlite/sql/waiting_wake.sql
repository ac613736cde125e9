-- What waits for this key runs now.
UPDATE waiting SET woken = 1, due = min(due, ?2), lease_until = NULL WHERE key = ?1
