SELECT row, stamp, traceparent FROM inbox WHERE id = ?1
