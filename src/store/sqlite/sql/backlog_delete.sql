DELETE FROM backlog WHERE connection = ?1
