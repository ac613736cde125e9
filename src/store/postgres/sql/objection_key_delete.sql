DELETE FROM objection_key WHERE objection = ANY($1::bigint[])
