SELECT row, next_try, held FROM lane WHERE name = ?1
