SELECT row FROM objection WHERE ende = ?1 LIMIT ?2
