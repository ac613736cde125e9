SELECT u.data_key, s.row, s.mandant_key, s.subject_key FROM claim_use u JOIN sealed s ON s.row = u.sealed
WHERE u.name = ?1 LIMIT 1
