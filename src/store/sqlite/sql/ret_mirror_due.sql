-- Records of one blind day.
SELECT m.row, m.id, m.cause, m.sealed, m.stamp, m.traceparent FROM mirror m WHERE m.ende = ?1 AND m.ende_stand IS m.cause
