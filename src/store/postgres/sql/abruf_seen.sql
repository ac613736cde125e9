-- Retrievals for an auditor, newest first; of one message or record where it is named.
SELECT nr, at, message, step, records, sealed, stamp
FROM abrufprotokoll WHERE nr < $1 AND nr >= $2 AND at >= $3 AND at < $4
  AND ($6::uuid IS NULL OR message = $6 OR position(uuid_send($6) IN records) > 0)
ORDER BY nr DESC LIMIT $5::bigint
