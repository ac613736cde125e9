SELECT DISTINCT name FROM claim_use ORDER BY name
