//! What persons order by a command: the word `person` of a route. There is no source to run and nothing to connect: the running
//! process takes commands out of the store and hands them in. Never carries anything from outside.

use serde_json::json;

use super::apart::{apart, no_destination, no_source};
use super::port::binding::Bindings;
use super::port::{Answers, Entry};

/// The menu entry.
pub const ENTRY: Entry = Entry {
    word: "person",
    binding: Bindings::Unconnected,
    // The verdict is what the person is told; nothing is sent to the office for it.
    answers: Some(Answers::InBand),
    sends: false,
    collected: false,
    accounts: false,
    alone: false,
    check: |_| vec![(String::new(), NO_CONNECTION.to_owned())],
    check_channel: |_| vec![(String::new(), NO_CONNECTION.to_owned())],
    folders: super::port::no_folders,
    spots: super::port::no_spots,
    files: super::port::files::none,
    exposed: super::port::files::never_exposed,
    schema: || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
    open: |name, written, _| apart(name, written, no_source, no_destination),
};

const NO_CONNECTION: &str =
    "commands of persons need no connection; remove it, `on: [ { person: … } ]` is enough";
