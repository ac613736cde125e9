-- When a source last asked and found nothing there. Only adds.
ALTER TABLE backlog ADD COLUMN emptied bigint;
