//! The HTTP door against clients that mean it no good: what they may cost, and what nobody else pays for it.

#[path = "http/answers.rs"]
mod answers;
#[path = "http/bounds.rs"]
mod bounds;
#[path = "http/documents.rs"]
mod documents;
#[path = "http/floods.rs"]
mod floods;
#[path = "http/frames.rs"]
mod frames;
#[path = "http/mailbox.rs"]
mod mailbox;
#[path = "http/shapes.rs"]
mod shapes;
