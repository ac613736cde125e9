SELECT row FROM lane WHERE name = ?1
