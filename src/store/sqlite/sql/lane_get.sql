SELECT fence FROM lane WHERE row = ?1
