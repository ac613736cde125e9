SELECT row FROM objection WHERE amt = ?1 AND closed IS NULL AND since >= ?2 AND made < ?3 AND since < ?3
