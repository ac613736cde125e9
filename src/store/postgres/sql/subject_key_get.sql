-- Keys by number; a missing one was destroyed.
SELECT nr, mandant_key, wrapped FROM subject_key WHERE nr = ANY($1::bigint[])
