-- A message that waited or was replayed: what became of it.
UPDATE inbox SET stamp = $2, traceparent = $3, state = $4, conflict = $5, committed = $6, message = $7, route = $8, codes = $9,
  kept = $10 WHERE nr = $1
