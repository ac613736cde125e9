-- Keys by number.
SELECT nr, id, mandant, wrapped FROM mandant_key WHERE nr = ANY($1::bigint[])
