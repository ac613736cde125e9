SELECT 0, id, at, class, kind, record, subject_key, keys, created, until FROM deletion ORDER BY at, id
