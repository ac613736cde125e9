//! Logs, metrics, traces and alarms through one door. Never takes a value of a message.
