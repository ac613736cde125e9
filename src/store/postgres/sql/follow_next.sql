SELECT due FROM followed WHERE state = 'open' ORDER BY due LIMIT 1
