SELECT epoch, ledger, since, copied, applied FROM recovery
