INSERT INTO outbox (id, lane, stamp, traceparent, cause, destination, partner, message, state, queued, deadline, after, sealed,
  not_before)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', ?9, ?10, ?11, ?12, ?13)
