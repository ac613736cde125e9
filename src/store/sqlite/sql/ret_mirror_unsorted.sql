-- Records whose day is not worked out, or of an older state of theirs.
SELECT m.row, m.id, m.cause, m.sealed FROM mirror m WHERE m.ende_stand IS NOT m.cause ORDER BY m.row LIMIT ?1
