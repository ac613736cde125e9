//! What is wrong with a message, said once for everyone: a neutral fault, its place and our own text.
//! Never holds a value of the message and never the text of a library (those can quote the message).

use std::fmt;

/// A neutral fault; a standard's package maps it to the standard's own code.
///
/// The order is the order of the check chain (sorgeregister.md 10.6): the first failing stage decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// The content cannot be decrypted.
    NotDecryptable,
    /// The sender's certificate is expired, revoked, invalid or missing.
    Certificate,
    /// The content's signature is missing, too weak or invalid.
    Signature,
    /// The octets are not UTF-8.
    NotUtf8,
    /// Not well-formed XML, a DTD, or beyond a bound of the gate.
    NotWellFormed,
    /// Unknown or no longer valid standard or version, or a message that the standard does not know.
    Version,
    /// Not valid to the schema.
    Schema,
    /// A code list or its version is not known.
    CodeList,
    /// A code that is not in its list.
    Code,
    /// A rule that the schema cannot say.
    Rule,
    /// The sender may not send this.
    Authority,
    /// The message is addressed to somebody else.
    WrongReader,
    /// The same record was delivered before under another id.
    Repeated,
    /// Anything else that does not conform.
    Other,
    /// A fault of the transport's profile.
    Transport,
}

impl Fault {
    /// The code that the XÖV family of standards uses for this fault, where a package says nothing else.
    pub fn usual_code(self) -> &'static str {
        match self {
            Fault::NotDecryptable => "T020",
            Fault::Certificate => "T002",
            Fault::Signature => "T011",
            Fault::NotUtf8 => "S001",
            Fault::NotWellFormed => "X000",
            Fault::Version => "V000",
            Fault::Schema => "X001",
            Fault::CodeList => "S010",
            Fault::Code => "S011",
            Fault::Rule => "X002",
            Fault::Authority => "T070",
            Fault::WrongReader => "T080",
            Fault::Repeated => "S100",
            Fault::Other => "S999",
            Fault::Transport => "T099",
        }
    }
}

/// All faults.
const FAULTS: [Fault; 15] = [
    Fault::NotDecryptable,
    Fault::Certificate,
    Fault::Signature,
    Fault::NotUtf8,
    Fault::NotWellFormed,
    Fault::Version,
    Fault::Schema,
    Fault::CodeList,
    Fault::Code,
    Fault::Rule,
    Fault::Authority,
    Fault::WrongReader,
    Fault::Repeated,
    Fault::Other,
    Fault::Transport,
];

/// Sub-code of a message without `test` where only tests are taken: nothing of it is kept, so no rejection quotes it.
pub const UNQUOTED: &str = "stage-ohne-test";

/// One fault of one message, with its place: a value that is committed and answered, never thrown away.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rejection {
    /// What kind of fault.
    pub fault: Fault,
    /// The code of the standard that the sender reads, such as `X001`.
    pub code: String,
    /// The sub-code of a rule (`R-0804-1`), where a rule was broken.
    pub rule: Option<String>,
    /// 1-based line in the document, where known.
    pub line: Option<u32>,
    /// 1-based column in characters, where known.
    pub column: Option<u32>,
    /// Path of elements without values, such as `/eintragung/angabenZurMutter`.
    pub path: Option<String>,
    /// Our own sentence, German, because clerks of the sending office read it; holds no value of the message.
    pub text: String,
}

impl Rejection {
    /// A rejection with the usual code and no place.
    pub fn new(fault: Fault, text: impl Into<String>) -> Self {
        Rejection {
            fault,
            code: fault.usual_code().to_owned(),
            rule: None,
            line: None,
            column: None,
            path: None,
            text: text.into(),
        }
    }

    /// A rejection of which only the code is known any more.
    pub fn of_code(code: &str, text: impl Into<String>) -> Self {
        let fault = FAULTS.into_iter().find(|fault| fault.usual_code() == code).unwrap_or(Fault::Other);
        Rejection { code: code.to_owned(), ..Rejection::new(fault, text) }
    }

    /// The same rejection at a line and column.
    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    /// The same rejection with the path of the element concerned.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// The same rejection with the sub-code of a rule.
    pub fn rule(mut self, rule: impl Into<String>) -> Self {
        self.rule = Some(rule.into());
        self
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.code)?;
        if let Some(rule) = &self.rule {
            write!(f, " ({rule})")?;
        }
        if let (Some(line), Some(column)) = (self.line, self.column) {
            write!(f, " at {line}:{column}")?;
        }
        if let Some(path) = &self.path {
            write!(f, " {path}")?;
        }
        write!(f, ": {}", self.text)
    }
}
