SELECT mandant_key, wrapped FROM subject_key WHERE row = ?1
