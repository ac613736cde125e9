SELECT row FROM objection WHERE amt = ?1 AND closed IS NULL AND made < ?2 AND since < ?2
