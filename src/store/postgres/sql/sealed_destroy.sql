-- Everything wrapped by this child's or Vorgang's key.
UPDATE sealed SET data_key = NULL, head = NULL, body = NULL, note = NULL WHERE subject_key = $1
