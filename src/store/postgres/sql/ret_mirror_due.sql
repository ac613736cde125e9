-- Records of blind days.
SELECT m.nr, m.id, m.stamp, m.traceparent FROM mirror m WHERE m.ende = ANY($1::bytea[]) AND m.ende_stand = m.cause LIMIT $2::bigint
