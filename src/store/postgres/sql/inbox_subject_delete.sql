-- The child is deleted: its traces go.
DELETE FROM inbox_subject WHERE key = ANY($1::bytea[])
