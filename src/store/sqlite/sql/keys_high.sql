-- The highest number that a key has had, also where it was destroyed.
SELECT seq FROM sqlite_sequence WHERE name = 'subject_key'
