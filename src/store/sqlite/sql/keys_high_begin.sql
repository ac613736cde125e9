-- Where no key was ever made nothing counts yet.
INSERT INTO sqlite_sequence (name, seq) SELECT 'subject_key', ?1
WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'subject_key')
