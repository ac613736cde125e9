-- When the first message came that is still there.
SELECT min(received) FROM inbox
