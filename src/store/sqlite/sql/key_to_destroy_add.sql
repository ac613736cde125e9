INSERT OR IGNORE INTO key_to_destroy (subject_key) VALUES (?1)
