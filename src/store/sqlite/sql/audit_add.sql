INSERT INTO audit (at, stamp, traceparent, subject, what, detail, salt) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
