-- A person runs a message again: since ever, because the clock may go back before it runs.
INSERT INTO waiting (inbox, due, person) VALUES (?1, 0, ?2)
ON CONFLICT (inbox) DO UPDATE SET due = excluded.due, person = excluded.person, lease_until = NULL
