SELECT row FROM lane WHERE destination = ?1 AND next_try IS NOT NULL AND lease_until IS NULL
