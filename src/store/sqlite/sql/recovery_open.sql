UPDATE recovery SET since = NULL, copied = NULL, applied = 0, lost_from = NULL, lost_until = NULL, lost = NULL
