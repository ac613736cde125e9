-- The salt dies with what it speaks of.
UPDATE audit SET salt = NULL WHERE subject = ?1
