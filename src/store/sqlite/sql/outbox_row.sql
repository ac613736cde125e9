SELECT row, lane, stamp, traceparent, state, sealed FROM outbox WHERE id = ?1
