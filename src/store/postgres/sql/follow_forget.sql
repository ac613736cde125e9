DELETE FROM followed WHERE nr = ANY($1::bigint[])
