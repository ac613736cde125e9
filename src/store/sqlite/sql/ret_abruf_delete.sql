DELETE FROM abrufprotokoll WHERE row IN (SELECT row FROM abrufprotokoll WHERE at < ?1 ORDER BY at LIMIT ?2)
