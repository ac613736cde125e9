SELECT mandant_key, subject_key, data_key, head, NULL, note FROM sealed WHERE row = ?1
