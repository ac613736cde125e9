-- Rows of the records that end on a blind day, in their order.
SELECT row FROM mirror WHERE ende = ?1 ORDER BY row
