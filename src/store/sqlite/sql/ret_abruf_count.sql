SELECT count(*), min(at) FROM abrufprotokoll WHERE at < ?1
