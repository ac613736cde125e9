INSERT INTO abrufprotokoll (at, stamp, traceparent, message, step, records, sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
