-- One process at a time applies the ledger or opens.
SELECT epoch, ledger, since, copied, applied, lost_from, lost_until, lost FROM recovery FOR UPDATE
