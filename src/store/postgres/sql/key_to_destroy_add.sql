-- Listed in the transaction that makes the key needless.
INSERT INTO key_to_destroy (subject_key) SELECT unnest($1::bigint[]) ON CONFLICT DO NOTHING
