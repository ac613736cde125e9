INSERT INTO sealed (mandant_key, subject_key, data_key, head, body, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
