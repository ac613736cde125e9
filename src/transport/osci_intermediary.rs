//! A small intermediary of OSCI 1.2 for tests, demonstrations and sandboxes of partners: mailboxes, process cards, forwarding, mediation. It
//! is no production manager: it takes whoever signs, and inspects no certificate but by mathematics and term. It never opens a content.

pub mod answer;
pub mod desk;
pub mod shelf;
