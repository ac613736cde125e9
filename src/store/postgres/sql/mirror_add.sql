-- New records, with their blind days.
INSERT INTO mirror (nr, id, stamp, traceparent, cause, changed, subject_key, ende, ende_stand, schluessel_stand,
  schluessel_von, schluessel_version)
SELECT n.nr, n.id, n.stamp, n.traceparent, n.cause, n.changed, n.subject_key, n.ende, n.cause, n.cause, n.cause, 2
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::text[], $5::uuid[], $6::bigint[], $7::bigint[], $8::bytea[])
  AS n(nr, id, stamp, traceparent, cause, changed, subject_key, ende)
