-- The lease of a lane goes on; not where it was ended or given to another.
UPDATE lane SET lease_until = $3 WHERE nr = $1 AND fence = $2 AND lease_until IS NOT NULL
