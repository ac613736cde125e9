SELECT n FROM epoch
