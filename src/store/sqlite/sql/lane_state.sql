SELECT next_try, lease_until IS NOT NULL FROM lane WHERE row = ?1
