DELETE FROM command WHERE row IN
  (SELECT row FROM command WHERE state IN ('done', 'refused') AND at < ?1 ORDER BY row LIMIT ?2)
