INSERT INTO subject_key (mandant_key, wrapped) VALUES (?1, ?2)
