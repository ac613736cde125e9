//! Multipart, incremental. No input or output of its own.
