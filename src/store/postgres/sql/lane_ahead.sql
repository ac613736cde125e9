-- Before a child's rows are held: the lanes of what it still has to send, and those that are sent into next, in the order in
-- which settling locks them, which holds its lanes before its rows too.
SELECT nr FROM lane WHERE nr = ANY (ARRAY (
  SELECT o.lane FROM sealed s JOIN outbox o ON o.nr = s.nr
  WHERE s.subject_key = ANY($1::bigint[]) AND s.data_key IS NOT NULL AND o.state IS DISTINCT FROM 'sent'
  UNION SELECT l.nr FROM lane l WHERE l.name = ANY($2::bytea[])
)) ORDER BY nr FOR UPDATE
