SELECT destination, failures, open_until FROM breaker ORDER BY destination
