DELETE FROM objection WHERE row = ?1
