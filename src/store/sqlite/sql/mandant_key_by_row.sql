SELECT row, id, mandant, wrapped FROM mandant_key WHERE row = ?1
