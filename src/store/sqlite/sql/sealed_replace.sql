-- A changed record gets a new data key; the old one is gone with the row's former content.
UPDATE sealed SET mandant_key = ?2, subject_key = ?3, data_key = ?4, head = ?5, body = ?6, note = ?7 WHERE row = ?1
