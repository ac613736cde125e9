-- Written by an older program: their time begins now.
UPDATE vorgang SET geaendert = ?1 WHERE row IN (SELECT row FROM vorgang WHERE geaendert IS NULL LIMIT ?2)
