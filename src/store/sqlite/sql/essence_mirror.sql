SELECT m.id, m.sealed FROM mirror m
