//! The files of a package as they are written: shapes for the YAML reader and nothing else.
//! Unknown keys are refused; meaning is given by the modules that compile these shapes.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_saphyr::Spanned;

use crate::rejection::Fault;

/// `package.yaml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageFile {
    /// Kennung of the standard.
    pub id: String,
    /// What it is, for people.
    pub about: String,
    /// The standard as routes write it, such as `xfamilie`.
    pub standard: String,
    /// The value of the root's `standard` attribute, such as `XFamilie`; only what people are told where roots have none.
    pub attribute: String,
    /// The version, also the value of the root's `version` attribute.
    pub version: String,
    /// First and last day on which a message of this version may be made.
    #[serde(default)]
    pub valid: Valid,
    /// Prefixes used in the paths of this package.
    pub namespaces: BTreeMap<String, String>,
    /// Entry schemas, relative to the package.
    pub schemas: Vec<Spanned<String>>,
    /// Where its messages say inside of them what the roots of other standards say.
    #[serde(default)]
    pub within: Option<WithinText>,
    /// By target, what codes of this standard mean in the words of the record; a code that is not listed means `*`, else nothing.
    #[serde(default)]
    pub words: BTreeMap<String, BTreeMap<String, String>>,
    /// The header dialect: where every message of the standard says who, to whom, when.
    pub header: BTreeMap<String, Spanned<String>>,
    /// Type of the receipt.
    #[serde(default)]
    pub receipt: Option<Spanned<String>>,
    /// Type of the rejection; it may belong to another standard.
    #[serde(default)]
    pub rejection: Option<Spanned<String>>,
    /// Version of that other standard.
    #[serde(default)]
    pub rejection_version: Option<String>,
    /// Whether the rejection carries the original even when that was valid to its schema.
    #[serde(default)]
    pub rejection_quotes_always: bool,
    /// Type that says later that the reader has dealt with a message.
    #[serde(default)]
    pub done: Option<Spanned<String>>,
    /// Type that says later that the reader did not take a message over.
    #[serde(default)]
    pub declined: Option<Spanned<String>>,
    /// Types that are never answered.
    #[serde(default)]
    pub never_answer: Vec<Spanned<String>>,
    /// Neutral fault to the standard's own code; what is not named has the usual code.
    #[serde(default)]
    pub faults: BTreeMap<Fault, String>,
    /// The messages and their root elements.
    pub messages: BTreeMap<String, Spanned<String>>,
    /// The code lists.
    #[serde(default)]
    pub codelists: CodeListFile,
}

/// What stands inside of the messages of a standard whose roots say neither version nor test.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithinText {
    /// Where the version stands; its value is that of the package.
    pub version: VersionText,
    /// What marks a test: any of these.
    #[serde(default)]
    pub test: Vec<TestText>,
}

/// An attribute of an element.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionText {
    /// Path of the element.
    pub at: Spanned<String>,
    /// Its attribute.
    pub attribute: String,
}

/// Texts of an element.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TestText {
    /// Path of the element.
    pub at: Spanned<String>,
    /// The texts.
    pub is: Vec<String>,
}

/// Days are `YYYY-MM-DD`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Valid {
    /// First day.
    #[serde(default)]
    pub from: Option<String>,
    /// Last day.
    #[serde(default)]
    pub until: Option<String>,
}

/// The code lists of a package.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CodeListFile {
    /// Genericode files; a code of these lists must stand in the version that the message names.
    #[serde(default)]
    pub held: Vec<Spanned<String>>,
    /// Lists that are known but too large or too quick to hold here: any version, any code.
    #[serde(default)]
    pub open: Vec<String>,
    /// Elements whose list the sender chooses freely.
    #[serde(default)]
    pub free: Vec<Spanned<String>>,
}

/// `read.yaml`: by message, by target, the path or paths.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadFile {
    /// The messages that can be accepted.
    pub messages: BTreeMap<String, BTreeMap<String, Spanned<String>>>,
}

/// `rules.yaml`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesFile {
    /// The rules, in the order in which they are told.
    pub rules: Vec<RuleText>,
}

/// One rule: either `values` and `must`, or `within`, `when` and `then`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleText {
    /// Sub-code, such as `R-0804-1`.
    pub code: Spanned<String>,
    /// The messages it holds for; all that are read if it is not given.
    #[serde(default, rename = "for")]
    pub messages: Option<Vec<Spanned<String>>>,
    /// Paths whose every value must be so.
    #[serde(default)]
    pub values: Vec<Spanned<String>>,
    /// How a value must be.
    #[serde(default)]
    pub must: Option<Must>,
    /// Path of the element that is looked at as a whole; `.` is the message.
    #[serde(default)]
    pub within: Option<Spanned<String>>,
    /// When the rule applies; always if it is not given.
    #[serde(default)]
    pub when: Option<When>,
    /// What must then be there.
    #[serde(default)]
    pub then: Option<Then>,
    /// What the sender is told; German, without any value.
    pub text: String,
}

/// How a value must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Must {
    /// Of this form.
    Be(Form),
    /// None of these.
    DifferFrom(Vec<String>),
}

/// Forms that a schema cannot say.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// RFC 9562 in the usual form, without a prefix.
    Uuid,
    /// Date and time with a time zone.
    Zeitpunkt,
    /// Holds more than white space.
    NichtLeer,
    /// The number of the message type that the root element says.
    Nachrichtennummer,
}

/// A condition on a value inside the element: either `is` or `is-not`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct When {
    /// Path below the element.
    pub path: Spanned<String>,
    /// A value there is any of these.
    #[serde(default)]
    pub is: Vec<String>,
    /// A value there is none of these.
    #[serde(default)]
    pub is_not: Vec<String>,
}

/// How often something must stand inside the element.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Then {
    /// Path below the element.
    pub path: Spanned<String>,
    /// At least so often.
    #[serde(default)]
    pub at_least: u32,
    /// At most so often.
    #[serde(default)]
    pub at_most: Option<u32>,
}
