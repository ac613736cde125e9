SELECT nr FROM objection
WHERE amt = ANY($1::text[]) AND closed IS NULL AND since >= $2 AND made < $3 AND since < $3 ORDER BY nr FOR UPDATE
