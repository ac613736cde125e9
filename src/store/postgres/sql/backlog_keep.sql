-- A connection with several places names each behind its own name.
DELETE FROM backlog WHERE split_part(connection, ' ', 1) <> ALL ($1::text[])
