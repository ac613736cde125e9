SELECT epoch, ledger, since, copied, applied, lost_from, lost_until, lost FROM recovery
