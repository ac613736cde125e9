-- Open ones of deliveries, or only what they block, each with the place of who asks; held until the end of the transaction.
SELECT n.place, o.nr FROM unnest($1::int[], $2::uuid[], $3::bool[]) AS n(place, delivery, blocks)
CROSS JOIN LATERAL (
  SELECT b.nr FROM objection b WHERE b.delivery = n.delivery AND b.closed IS NULL AND (b.why = 'unreadable' OR NOT n.blocks)
  ORDER BY b.nr FOR UPDATE
) o
