-- Records whose content changed, with their blind days.
UPDATE mirror m SET stamp = n.stamp, traceparent = n.traceparent, cause = n.cause, changed = n.changed, ende = n.ende,
  ende_stand = n.cause, schluessel_stand = n.cause, schluessel_von = n.cause, schluessel_version = 2
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[], $6::bytea[]) AS n(nr, stamp, traceparent, cause,
  changed, ende)
WHERE m.nr = n.nr
