-- Written by an older program: their time begins now.
UPDATE vorgang SET geaendert = $1
WHERE nr = ANY(ARRAY(SELECT nr FROM vorgang WHERE geaendert IS NULL ORDER BY geaendert LIMIT $2::bigint))
