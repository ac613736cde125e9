DELETE FROM objection_about WHERE objection = ?1
