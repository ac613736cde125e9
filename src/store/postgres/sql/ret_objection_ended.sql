SELECT nr FROM objection WHERE ende = ANY($1::bytea[]) LIMIT $2::bigint
