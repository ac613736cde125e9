UPDATE recovery SET applied = true
