-- What came; what became of it stays, because a repeat is owed the same answer.
UPDATE sealed SET head = NULL, body = NULL WHERE nr = ANY($1::bigint[])
