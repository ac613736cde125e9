-- Records whose content changed.
UPDATE mirror m SET stamp = n.stamp, traceparent = n.traceparent, cause = n.cause, changed = n.changed
FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::uuid[], $5::bigint[]) AS n(nr, stamp, traceparent, cause, changed)
WHERE m.nr = n.nr
