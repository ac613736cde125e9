INSERT INTO deletion (id, class, kind, record, subject_key, keys, created, until) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
