DELETE FROM outbox_doomed WHERE nr = ANY($1::bigint[])
