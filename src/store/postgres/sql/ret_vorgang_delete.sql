DELETE FROM vorgang WHERE nr = ANY($1::bigint[])
