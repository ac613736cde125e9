-- What rests on one of these keys ($2) and was decided and not delivered is noted under another one ($1), in one order for all processes.
INSERT INTO vorgang_spur (key, vorgang)
SELECT DISTINCT $1::bytea, s.vorgang FROM vorgang_spur s
CROSS JOIN LATERAL (SELECT 1 FROM vorgang v WHERE v.key = s.vorgang AND v.state = 'entschieden' OFFSET 0) AS d
WHERE s.key = ANY($2::bytea[]) ORDER BY s.vorgang
ON CONFLICT DO NOTHING
