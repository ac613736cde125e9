SELECT count(*), min(closed) FROM objection WHERE closed < $1
