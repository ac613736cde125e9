-- A person said that there is no newer key store: also back.
UPDATE recovery SET keys_n = ?1, keys_link = ?2, keys_at = ?3, keys_high = ?4
