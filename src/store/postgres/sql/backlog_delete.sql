DELETE FROM backlog WHERE connection = $1 AND partner <> ALL ($2::text[])
