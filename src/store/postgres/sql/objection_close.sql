UPDATE objection SET closed = $2, closed_by = $3 WHERE nr = ANY($1::bigint[]) AND closed IS NULL
