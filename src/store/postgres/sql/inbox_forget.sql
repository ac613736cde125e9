-- The originals are kept no more.
UPDATE inbox SET kept = false WHERE nr = ANY($1::bigint[])
