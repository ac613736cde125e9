DELETE FROM nachweiskette WHERE row <= ?1
