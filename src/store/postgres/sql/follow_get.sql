-- Held until the end of the transaction.
SELECT state, since, looks FROM followed WHERE nr = $1 FOR UPDATE
