-- The ledger holds them.
DELETE FROM deletion WHERE id = ANY($1::uuid[])
