-- How much was written down before a month.
SELECT count(*), min(at) FROM cockpitlog WHERE nr < $1
