SELECT row FROM objection WHERE id = ?1 AND closed IS NULL
