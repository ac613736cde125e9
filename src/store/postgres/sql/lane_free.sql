-- The fence of a lane that nobody has in hand; held until the end of the transaction.
SELECT fence FROM lane WHERE nr = $1 AND lease_until IS NULL FOR UPDATE
