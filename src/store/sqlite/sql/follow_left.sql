-- What is still to be confirmed, and what was not, by destination.
SELECT destination, sum(state = 'open'), sum(state = 'failed') FROM followed WHERE state <> 'confirmed' GROUP BY destination
