-- A row by its id, not held: its number and where it is to go.
SELECT o.nr, o.destination FROM outbox_id d JOIN outbox o ON o.nr = d.nr WHERE d.id = $1::uuid
