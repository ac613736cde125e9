//! Sealed bytes: data keys, blind indexes, AES-256-GCM. Never decides what is sealed; never prints a key.
