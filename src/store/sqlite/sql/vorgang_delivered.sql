-- The answer of a decided Vorgang has reached the far end.
UPDATE vorgang SET state = 'zugestellt', geaendert = ?2 WHERE key = ?1 AND state = 'entschieden'
