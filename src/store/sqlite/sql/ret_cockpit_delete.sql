DELETE FROM cockpitlog WHERE row IN (SELECT row FROM cockpitlog WHERE at < ?1 ORDER BY row LIMIT ?2)
