SELECT nr FROM objection WHERE amt = ANY($1::text[]) AND closed IS NULL AND made < $2 AND since < $2 ORDER BY nr FOR UPDATE
