-- The messages that speak of a child.
SELECT i.nr, i.id FROM inbox_subject k JOIN inbox i ON i.nr = k.inbox WHERE k.key = ANY($1::bytea[])
