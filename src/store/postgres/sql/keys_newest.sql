-- The newest key that something needs.
SELECT subject_key FROM sealed WHERE subject_key IS NOT NULL AND data_key IS NOT NULL ORDER BY subject_key DESC LIMIT 1
