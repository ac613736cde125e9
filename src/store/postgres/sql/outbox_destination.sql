-- A row by its id, not held: its number, where it is to go, and in which lane.
SELECT o.nr, o.destination, o.lane FROM outbox_id d JOIN outbox o ON o.nr = d.nr WHERE d.id = $1::uuid
