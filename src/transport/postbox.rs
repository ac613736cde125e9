//! Postboxes of citizens: far ends that keep a letter until she comes for it. Each is a kind of connection of its own; what they have in common
//! is that nothing of a message stands in a name, an address or a notice.

pub mod ddatabox;
