-- What an attempt leaves for those after it, sealed with its row. Only adds.
ALTER TABLE outbox ADD COLUMN remembered bytea;
