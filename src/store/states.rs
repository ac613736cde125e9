//! The states of what is sent, and the one place where the words stand by which rows and lists call them. What follows from a state is
//! `decide`'s; statements of SQL hold the same words, and a test holds them to these. Reads no row.

use serde::Serialize;

/// Defines the states of a kind, each with its word.
macro_rules! states {
    ($(#[$about:meta])* $name:ident { $($(#[$of:meta])* $state:ident = $word:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
        pub enum $name {
            $($(#[$of])* #[serde(rename = $word)] $state,)+
        }

        impl $name {
            /// All of them.
            pub const ALL: &[$name] = &[$($name::$state,)+];

            /// The word that is stored and shown.
            pub fn as_str(self) -> &'static str {
                match self {
                    $($name::$state => $word,)+
                }
            }

            /// The state of a stored word; `None` where this program writes no such word.
            pub fn from_stored(word: &str) -> Option<$name> {
                match word {
                    $($word => Some($name::$state),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

states! {
    /// The state of a row of the outbox.
    RowState {
        /// Not tried yet on the way that it is on.
        Queued = "queued",
        /// Tried, and tried again.
        Retrying = "retrying",
        /// Its far end has taken it.
        Sent = "sent",
        /// Not delivered; a person decides.
        Parked = "parked",
        /// It may or may not have arrived; a person finds out.
        Unclear = "unclear",
    }
}

states! {
    /// The state of what is followed of a row that was sent.
    FollowState {
        /// Still to be confirmed.
        Open = "open",
        /// Confirmed.
        Confirmed = "confirmed",
        /// Not confirmed; it waits for a person.
        Failed = "failed",
    }
}

states! {
    /// What a row is for whoever reads a list: its own state, and once it was sent what became of it after that.
    SendState {
        /// [`RowState::Queued`].
        Queued = "queued",
        /// [`RowState::Retrying`].
        Retrying = "retrying",
        /// [`RowState::Sent`], and if it is followed still to be confirmed.
        Sent = "sent",
        /// [`RowState::Parked`].
        Parked = "parked",
        /// [`RowState::Unclear`].
        Unclear = "unclear",
        /// [`FollowState::Confirmed`].
        Confirmed = "confirmed",
        /// [`FollowState::Failed`].
        Failed = "failed",
        /// Still to be confirmed, and it cannot be taken back now though its receiver's time is over. It is kept as
        /// [`FollowState::Open`]: it is looked at like any other.
        NotTakenBack = "not-taken-back",
    }
}

impl RowState {
    /// The state by which it is judged whether a row goes anywhere. One of a word that only a later program knows is held for this one: it goes by
    /// that program and by no other, and stops nothing but its lane.
    pub fn or_held(word: &str) -> RowState {
        RowState::from_stored(word).unwrap_or(RowState::Unclear)
    }

    /// Whether it is still to be sent by itself.
    pub fn is_open(self) -> bool {
        matches!(self, RowState::Queued | RowState::Retrying)
    }

    /// Whether it waits for a person, and its lane with it.
    pub fn is_held(self) -> bool {
        matches!(self, RowState::Parked | RowState::Unclear)
    }
}

impl SendState {
    /// Whether it is still to be sent by itself.
    pub fn is_open(self) -> bool {
        matches!(self, SendState::Queued | SendState::Retrying)
    }
}

impl From<RowState> for SendState {
    fn from(state: RowState) -> SendState {
        match state {
            RowState::Queued => SendState::Queued,
            RowState::Retrying => SendState::Retrying,
            RowState::Sent => SendState::Sent,
            RowState::Parked => SendState::Parked,
            RowState::Unclear => SendState::Unclear,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use crate::effects::VorgangState;
    use crate::envelope::Inbound;

    use super::*;

    #[test]
    fn the_words_are_those_that_stand_in_rows() {
        // Written out: rows of every program before this one hold them, and scripts of operators read them.
        let rows = ["queued", "retrying", "sent", "parked", "unclear"];
        let shown = [&rows[..], &["confirmed", "failed", "not-taken-back"]].concat();
        assert_eq!(RowState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>(), rows);
        assert_eq!(SendState::ALL.iter().map(|state| state.as_str()).collect::<Vec<_>>(), shown);
        let followed: Vec<_> = FollowState::ALL.iter().map(|state| state.as_str()).collect();
        assert_eq!(followed, ["open", "confirmed", "failed"]);
        for state in RowState::ALL {
            assert_eq!(RowState::from_stored(state.as_str()), Some(*state));
            assert_eq!(SendState::from(*state).as_str(), state.as_str());
        }
        for state in SendState::ALL {
            assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
        }
    }

    #[test]
    fn a_word_of_a_later_program_stands_still() {
        assert_eq!(RowState::from_stored("handed-over-twice"), None);
        let state = RowState::or_held("handed-over-twice");
        assert!(state.is_held() && !state.is_open());
        assert_eq!(RowState::or_held("retrying"), RowState::Retrying);
    }

    #[test]
    fn statements_hold_no_other_words() {
        let mut known: BTreeSet<String> = BTreeSet::new();
        known.extend(RowState::ALL.iter().map(|state| state.as_str().to_owned()));
        known.extend(FollowState::ALL.iter().map(|state| state.as_str().to_owned()));
        known.extend(Inbound::ALL.map(|state| state.as_str().to_owned()));
        let word = |state| serde_json::to_value(state).unwrap().as_str().unwrap().to_owned();
        known.extend(VorgangState::ALL.map(word));
        // Of commands.
        known.extend(["taken", "done", "refused"].map(str::to_owned));
        let mut read = 0;
        for back_end in ["sqlite", "postgres"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store").join(back_end).join("sql");
            for file in fs::read_dir(folder).unwrap() {
                let file = file.unwrap().path();
                let text = fs::read_to_string(&file).unwrap();
                for word in words_beside_state(&text) {
                    assert!(known.contains(&word), "{}: {word}", file.display());
                    read += 1;
                }
            }
        }
        assert!(read > 100, "{read}");
    }

    /// The quoted words that a statement compares a column `state` with or sets it to.
    fn words_beside_state(text: &str) -> Vec<String> {
        let mut words = Vec::new();
        for (at, _) in text.match_indices("state") {
            let before = text[..at].chars().next_back();
            let rest = text[at + "state".len()..].trim_start();
            let of_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if before.is_some_and(of_word) {
                continue;
            }
            if let Some(one) = rest.strip_prefix('=').or_else(|| rest.strip_prefix("<>")) {
                words.extend(quoted(one.trim_start()));
            }
            if let Some(list) = rest.strip_prefix("NOT ").unwrap_or(rest).strip_prefix("IN (") {
                let list = list.split_once(')').map_or(list, |(list, _)| list);
                words.extend(list.split(',').filter_map(|one| quoted(one.trim())));
            }
        }
        words
    }

    fn quoted(text: &str) -> Option<String> {
        text.strip_prefix('\'')?.split_once('\'').map(|(word, _)| word.to_owned())
    }
}
