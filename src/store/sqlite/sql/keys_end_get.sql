-- Where the key store ends, as this database knows it.
SELECT keys_n, keys_link, keys_at, keys_high FROM recovery
