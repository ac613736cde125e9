-- What is still to be confirmed, and what was not, by destination.
SELECT destination, count(*) FILTER (WHERE state = 'open'), count(*) FILTER (WHERE state = 'failed')
FROM followed WHERE state <> 'confirmed' GROUP BY destination
