DELETE FROM audit WHERE row <= ?1
