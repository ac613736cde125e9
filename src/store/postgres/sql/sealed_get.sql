-- Contents by number.
SELECT nr, mandant_key, subject_key, data_key, head, body, note FROM sealed WHERE nr = ANY($1::bigint[])
