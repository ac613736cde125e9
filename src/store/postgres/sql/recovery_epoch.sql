-- Counted on, beyond the epoch of the keys.
UPDATE recovery SET epoch = greatest(epoch, $1) + 1 RETURNING epoch
