SELECT min(coalesce(since, looked)) FROM backlog WHERE partner = ?1
