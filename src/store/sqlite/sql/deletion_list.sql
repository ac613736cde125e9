-- Deletions that are committed and do not stand in the ledger yet; a key that goes without one stands there, too: under an id
-- that is made of its number, which is never used twice.
SELECT 0, id, at, class, kind, record, subject_key, keys, created, until FROM deletion
UNION ALL
SELECT 0, unhex(printf('%032x', k.subject_key)), CAST(unixepoch('subsec') * 1000000 AS INTEGER), 'frist', 'subject', NULL,
  k.subject_key, x'', NULL, NULL
FROM key_to_destroy k WHERE NOT EXISTS (SELECT 1 FROM deletion d WHERE d.subject_key = k.subject_key)
ORDER BY 3, 2
