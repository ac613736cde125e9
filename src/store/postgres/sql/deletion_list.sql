-- Deletions that are committed and do not stand in the ledger yet; a key that goes without one stands there, too: under an id
-- that is made of its number, which is never used twice.
SELECT 0::bigint, id, at, class, kind, record, subject_key, keys, created, until FROM deletion
UNION ALL
SELECT 0::bigint, lpad(to_hex(k.subject_key), 32, '0')::uuid, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, 'frist',
  'subject', NULL, k.subject_key, ''::bytea, NULL, NULL
FROM key_to_destroy k WHERE NOT EXISTS (SELECT 1 FROM deletion d WHERE d.subject_key = k.subject_key)
ORDER BY 3, 2
