INSERT INTO mirror (id, stamp, traceparent, cause, changed, subject_key, sealed, ende, ende_stand, schluessel_stand,
  schluessel_von, schluessel_version)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?4, ?4, ?4, 2)
