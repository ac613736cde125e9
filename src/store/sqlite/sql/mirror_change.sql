UPDATE mirror SET stamp = ?2, traceparent = ?3, cause = ?4, changed = ?5 WHERE row = ?1
