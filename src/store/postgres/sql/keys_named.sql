-- All keys that something needs.
SELECT subject_key FROM sealed WHERE subject_key IS NOT NULL AND data_key IS NOT NULL
UNION SELECT subject_key FROM mirror UNION SELECT subject_key FROM vorgang
