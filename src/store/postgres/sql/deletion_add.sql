-- The class is what the transaction said before (`drehscheibe.grund`), else a message of the author.
INSERT INTO deletion (id, class, kind, record, subject_key, keys, created, until)
SELECT n.id, coalesce(nullif(current_setting('drehscheibe.grund', true), ''), 'mitteilung'), n.kind, n.record, n.subject_key,
  n.keys, n.created, n.until
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::bigint[], $5::bytea[], $6::bigint[], $7::bigint[])
  AS n(id, kind, record, subject_key, keys, created, until)
