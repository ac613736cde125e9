-- Records whose day is not worked out, or of an older state of theirs.
SELECT m.nr, m.id, m.cause FROM mirror m WHERE m.ende_stand IS DISTINCT FROM m.cause AND m.nr > $1 ORDER BY m.nr LIMIT $2::bigint
