SELECT mandant_key, subject_key, data_key, head, body, note FROM sealed WHERE row = ?1
