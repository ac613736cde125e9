//! What is found in the files that settings name, before anything runs by them: what of them cannot be used, and places at far ends that only their
//! content tells apart. Knows no transport and opens nothing itself.

use std::path::Path;

use serde_json::Value;

use super::spot::Spot;

/// What is found in files.
#[derive(Debug, Default)]
pub struct Looked {
    /// What cannot be used: the path of the key that names the file, such as `/keys/signature/key`, and the file with what is wrong.
    pub faults: Vec<(String, String)>,
    /// Places at far ends, and by what partners are known: see [`Spot`].
    pub spots: Vec<Spot>,
}

/// Looks into the files of a connection (its name and settings), or of a partner's channel by it (the partner's name and the channel's settings).
/// Relative paths are below the folder. What runs looks by itself, and keeps what worked.
pub type Look = fn(connection: (&str, &Value), channel: Option<(&str, &Value)>, config: &Path) -> Looked;

/// For transports whose files are looked at where they are used.
pub fn none(_: (&str, &Value), _: Option<(&str, &Value)>, _: &Path) -> Looked {
    Looked::default()
}

/// Why others could read along what comes to a listener by these settings: the path of the key, and what to write.
pub type Exposed = fn(settings: &Value) -> Option<(String, String)>;

/// For transports that nobody connects to, or nobody without TLS.
pub fn never_exposed(_: &Value) -> Option<(String, String)> {
    None
}
