SELECT row FROM objection WHERE closed < ?1 LIMIT ?2
