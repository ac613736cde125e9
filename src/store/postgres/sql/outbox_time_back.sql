-- What was open during a pause ($1 destination or partner, $2 its name, from $3 to $4) and not over when that began has so much longer. Where
-- a pause that still stands held it as well, only until that one began: that one gives its own time back when it ends.
WITH held AS (
  SELECT o.nr, least($4::bigint, (
    SELECT p.since FROM pause p
    WHERE p.kind = CASE $1::text WHEN 'destination' THEN 'partner' ELSE 'destination' END AND (p.until IS NULL OR p.since < p.until)
      AND p.name = CASE $1 WHEN 'destination' THEN substr(o.destination, strpos(o.destination, ':') + 1) ELSE o.destination END
  )) AS until
  FROM outbox o
  WHERE o.state <> 'sent' AND o.state = ANY (ARRAY['queued', 'retrying']) AND o.deadline > $3::bigint AND o.queued < $4
    AND CASE $1 WHEN 'destination' THEN o.destination ELSE substr(o.destination, strpos(o.destination, ':') + 1) END = $2::text
  ORDER BY o.nr FOR UPDATE OF o
)
UPDATE outbox o SET deadline = o.deadline + held.until - greatest($3, o.queued) FROM held
WHERE o.nr = held.nr AND greatest($3, o.queued) < held.until
