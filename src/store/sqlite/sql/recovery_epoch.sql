UPDATE recovery SET epoch = max(epoch, ?1)
