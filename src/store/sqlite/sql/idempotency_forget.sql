-- Messages that are taken anew when they are repeated; their ids in hex. One walk through all keys.
DELETE FROM idempotency WHERE message IN (SELECT unhex(value) FROM json_each(?1))
