-- The answer was taken back before its receiver came for it, and goes on by another way.
UPDATE vorgang SET state = 'entschieden', geaendert = ?2 WHERE key = ?1 AND state = 'zugestellt'
