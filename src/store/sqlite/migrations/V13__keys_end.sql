-- Where the key store ends, as this database knows it. Only adds.

-- Number, link and moment of the last act in the key store that this database was told of, written with the first transaction that
-- could need it; and the highest number that a key has had, so that none is given out twice.
ALTER TABLE recovery ADD COLUMN keys_n INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recovery ADD COLUMN keys_link BLOB;
ALTER TABLE recovery ADD COLUMN keys_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE recovery ADD COLUMN keys_high INTEGER NOT NULL DEFAULT 0;
UPDATE recovery SET keys_high = (SELECT coalesce(max(subject_key), 0) FROM sealed WHERE subject_key IS NOT NULL);
