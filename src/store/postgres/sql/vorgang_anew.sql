-- The answer of a decided Vorgang was taken back before it left.
UPDATE vorgang SET state = 'eingegangen', geaendert = $2 WHERE key = $1 AND state = 'entschieden'
