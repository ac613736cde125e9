-- A leased lane can go when its lease is over at the earliest.
SELECT min(max(coalesce(next_try, lease_until), lease_until)) FROM lane WHERE lease_until IS NOT NULL
