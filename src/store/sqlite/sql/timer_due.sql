SELECT id, due, name, stamp, traceparent, sealed FROM timer WHERE due <= ?1 ORDER BY due LIMIT ?2
