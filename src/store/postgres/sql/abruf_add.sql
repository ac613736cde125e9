-- Retrievals, never changed afterwards.
INSERT INTO abrufprotokoll (nr, at, stamp, traceparent, message, step, records, sealed)
SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::uuid[], $6::text[], $7::bytea[], $8::bytea[])
