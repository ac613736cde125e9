-- The answers of decided Vorgaenge have reached the far end.
UPDATE vorgang v SET state = 'zugestellt', geaendert = n.at FROM unnest($1::bytea[], $2::bigint[]) AS n(key, at)
WHERE v.key = n.key AND v.state = 'entschieden'
