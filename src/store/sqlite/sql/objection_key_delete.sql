DELETE FROM objection_key WHERE objection = ?1
