-- How much was written down before a month.
SELECT count(*), min(at) FROM audit WHERE nr < $1
