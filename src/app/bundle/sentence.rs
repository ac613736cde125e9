//! A sentence of ours as a support bundle says it: without the folders of this machine, and no longer than anybody reads.
//! Not for what somebody else wrote: that is left out, not shortened.

use crate::app::place::Place;

/// Longest finding that is kept, characters.
const LONGEST: usize = 400;

/// A sentence of ours without the folders of this machine.
pub(super) fn shorten(text: &str, place: &Place) -> String {
    let folders = [
        ("<data>", &place.data),
        ("<config>", &place.config),
        ("<routes>", &place.routes),
        ("<xsd>", &place.xsd),
    ];
    let shortened = folders.iter().fold(text.to_owned(), |text, (name, folder)| {
        let written = folder.display().to_string();
        if written.len() > 1 { text.replace(&written, name) } else { text }
    });
    shortened.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}
