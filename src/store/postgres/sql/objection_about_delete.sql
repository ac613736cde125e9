DELETE FROM objection_about WHERE objection = ANY($1::bigint[])
