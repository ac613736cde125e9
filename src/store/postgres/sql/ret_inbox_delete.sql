DELETE FROM inbox WHERE nr = ANY($1::bigint[])
