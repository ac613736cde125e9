-- Destroyed for good.
DELETE FROM subject_key WHERE nr = ANY($1::bigint[])
