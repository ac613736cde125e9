//! What is said of what came back on an exchange of ours and does not count. Keeps nothing.

/// Why it is kept apart.
pub const RAW: &str = "an answer of a far end that cannot be opened, or that it did not sign";
