-- A person runs a message again.
INSERT INTO waiting (inbox, due, person) VALUES ($1, $2, $3)
ON CONFLICT (inbox) DO UPDATE SET due = excluded.due, person = excluded.person, lease_until = NULL, lauf = NULL
