-- What was open during a pause ($1 destination or partner, $2 its name, from $3 to $4) and not over when that began has so much longer.
WITH held AS (
  SELECT nr FROM outbox
  WHERE state <> 'sent' AND state = ANY (ARRAY['queued', 'retrying']) AND deadline > $3::bigint AND queued < $4::bigint
    AND CASE $1::text WHEN 'destination' THEN destination ELSE substr(destination, strpos(destination, ':') + 1) END = $2::text
  ORDER BY nr FOR UPDATE
)
UPDATE outbox o SET deadline = o.deadline + $4 - greatest($3, o.queued) FROM held WHERE o.nr = held.nr
