-- What rests on one of these keys and was decided and not delivered. Across Mandanten: what speaks against an answer is of another one.
SELECT DISTINCT s.vorgang FROM vorgang_spur s JOIN vorgang v ON v.key = s.vorgang
WHERE s.key = ANY($1::bytea[]) AND v.state = 'entschieden'
