-- What still has to leave although its child's key dies: once is enough.
INSERT INTO outbox_doomed (nr) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING
