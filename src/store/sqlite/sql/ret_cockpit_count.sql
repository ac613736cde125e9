SELECT count(*), min(at) FROM cockpitlog WHERE at < ?1
