SELECT s.partner FROM mirror m JOIN stamp s ON s.row = m.stamp WHERE m.id = ?1
