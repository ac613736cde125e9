DELETE FROM objection WHERE nr = ANY($1::bigint[])
