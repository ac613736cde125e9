DELETE FROM outbox WHERE nr = ANY($1::bigint[])
