-- The lease of one lane that the caller holds locked, if it is over; see `lane_expired`.
SELECT nr, handed FROM lane WHERE nr = $1 AND (lease_until <= $2 OR lease_until > $3)
