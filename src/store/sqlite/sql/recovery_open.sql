UPDATE recovery SET since = NULL, copied = NULL, applied = 0
