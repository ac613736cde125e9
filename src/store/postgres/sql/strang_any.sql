-- All are busy: wait for one.
SELECT nr, glied, chain FROM strang WHERE nr = $1 FOR UPDATE
