-- Whether anything is objected under a key on which a decision rests.
SELECT 1 FROM vorgang_spur s, LATERAL (SELECT 1 FROM objection_key k WHERE k.key = s.key LIMIT 1) AS open WHERE s.vorgang = $1 LIMIT 1
