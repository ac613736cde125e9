-- Destroyed in the key store.
DELETE FROM key_to_destroy WHERE subject_key = ANY($1::bigint[])
