SELECT row, id, mandant, wrapped FROM mandant_key WHERE mandant = ?1
