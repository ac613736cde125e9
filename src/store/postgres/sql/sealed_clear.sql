-- Contents, wholly.
UPDATE sealed SET data_key = NULL, head = NULL, body = NULL, note = NULL WHERE nr = ANY($1::bigint[])
