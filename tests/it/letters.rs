//! Letters as their readers get them: read back with the tools of others, which say what stands in a PDF, and never with our own code.
//! What must not be in one is looked for in every octet of it.

mod command;
pub mod house;
mod reader;
mod texts;
