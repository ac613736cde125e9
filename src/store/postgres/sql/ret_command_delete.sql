DELETE FROM command WHERE nr IN
  (SELECT nr FROM command WHERE state IN ('done', 'refused') AND at < $1 ORDER BY nr LIMIT $2::bigint)
