DELETE FROM backlog WHERE connection = ?1 AND partner = ?2
