-- What became of rows, without what came.
SELECT nr, mandant_key, subject_key, data_key, NULL::bytea, NULL::bytea, note FROM sealed WHERE nr = ANY($1::bigint[])
