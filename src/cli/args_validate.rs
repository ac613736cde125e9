//! Arguments of `validate`. It never does anything itself.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `validate`.
#[derive(Clone, Debug, Args)]
pub struct ValidateArgs {
    /// The schema (XSD 1.0); what it includes and imports is read from its folder, folders below it and at most two
    /// above it, never from the net. Refused with a plain word, although lawful: content models that unfold to very many
    /// states (such as a sequence of a thousand optional elements), patterns with very large counts (`.{0,65535}`), and
    /// what XSD 1.1 has more.
    #[arg(long, value_name = "FILE.xsd")]
    pub schema: PathBuf,
    /// The documents; `-` is standard input.
    #[arg(required = true, value_name = "DOCUMENT")]
    pub documents: Vec<PathBuf>,
}
