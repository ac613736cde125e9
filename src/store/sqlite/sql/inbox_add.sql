INSERT INTO inbox (id, stamp, traceparent, state, conflict, received, committed, connection, binding, transport, message, route,
  codes, size, content, kept, sealed)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
