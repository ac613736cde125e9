-- The record of a child.
SELECT id FROM mirror WHERE subject_key = ?1
