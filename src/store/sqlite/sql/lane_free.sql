-- The fence of a lane that nobody has in hand.
SELECT fence FROM lane WHERE row = ?1 AND lease_until IS NULL
