SELECT sum(n)::bigint, min(at) FROM (
  SELECT count(*) AS n, min(at) AS at FROM command WHERE state IN ('done', 'refused') AND at < $1
  UNION ALL SELECT count(*), min(until) FROM pause WHERE until < $1) AS c
