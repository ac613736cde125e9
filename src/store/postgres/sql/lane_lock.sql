-- Lanes by number, held until the end of the transaction, in one order for all processes.
SELECT nr, fence FROM lane WHERE nr = ANY($1::bigint[]) ORDER BY nr FOR UPDATE
