-- A message whose content does not open any more is parked.
UPDATE inbox SET state = $2 WHERE nr = ANY($1::bigint[])
