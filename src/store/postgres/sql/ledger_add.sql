-- Written again, by this process or another one, it is the same entry.
INSERT INTO ledger (id, at, class, kind, record, subject_key, keys, created, until)
SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::uuid[], $6::bigint[], $7::bytea[], $8::bigint[],
  $9::bigint[])
ON CONFLICT (id) DO NOTHING
