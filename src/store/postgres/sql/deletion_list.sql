-- Deletions that are committed and do not stand in the ledger yet.
SELECT 0::bigint, id, at, class, kind, record, subject_key, keys, created, until FROM deletion ORDER BY at, id
