UPDATE recovery SET since = NULL, copied = NULL, applied = false, lost_from = NULL, lost_until = NULL, lost = NULL
