-- Entries in their order, from the one after.
SELECT nr, id, at, class, kind, record, subject_key, keys, created, until FROM ledger WHERE nr > $1 ORDER BY nr LIMIT $2::bigint
