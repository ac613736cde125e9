//! Arguments of `explain`. Decides nothing.

use clap::Args;

/// Arguments of `explain`.
#[derive(Clone, Debug, Args)]
pub struct ExplainArgs {
    /// A code of a standard, a reason, a rule, the last word of a problem's type, an exception's code, or an alarm; all of them when not given.
    pub code: Option<String>,
}
