-- How much was written down before a month.
SELECT count(*), min(at) FROM abrufprotokoll WHERE nr < $1
