-- One process at a time applies the ledger or opens.
SELECT epoch, ledger, since, copied, applied FROM recovery FOR UPDATE
