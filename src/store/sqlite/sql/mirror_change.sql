UPDATE mirror SET stamp = ?2, traceparent = ?3, cause = ?4, changed = ?5, ende = ?6, ende_stand = ?4, schluessel_stand = ?4,
  schluessel_von = ?4, schluessel_version = 2
WHERE row = ?1
