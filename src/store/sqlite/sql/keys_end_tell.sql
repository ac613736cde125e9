-- Where the key store ends; never back.
UPDATE recovery SET keys_n = ?1, keys_link = ?2, keys_at = ?3, keys_high = max(keys_high, ?4) WHERE keys_n < ?1
