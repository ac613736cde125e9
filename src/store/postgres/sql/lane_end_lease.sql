-- The lease ends; the fence stays.
UPDATE lane SET lease_until = NULL, worker = NULL, handed = NULL, lauf = NULL WHERE nr = ANY($1::bigint[])
