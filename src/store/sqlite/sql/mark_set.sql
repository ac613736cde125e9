UPDATE mark SET n = ?1, at = ?2, links = ?3
