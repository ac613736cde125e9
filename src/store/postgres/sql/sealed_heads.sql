-- Heads and notes of rows, without documents.
SELECT nr, mandant_key, subject_key, data_key, head, NULL::bytea, note FROM sealed WHERE nr = ANY($1::bigint[])
