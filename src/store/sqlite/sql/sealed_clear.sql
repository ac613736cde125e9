-- One content, wholly.
UPDATE sealed SET data_key = NULL, head = NULL, body = NULL, note = NULL WHERE row = ?1
