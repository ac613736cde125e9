UPDATE recovery SET applied = 1
