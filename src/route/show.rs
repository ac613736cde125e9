//! Shows faults to a person: miette's drawing of file, line, excerpt, what is allowed and the nearest name.
//! The one place of the room that knows miette; only the command line calls it.

use std::fmt;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    Severity, SourceCode, SourceSpan, SpanContents,
};

use crate::route::fault::Fault;

/// A fault as miette draws it.
pub struct Shown<'a> {
    fault: &'a Fault,
    severity: Severity,
    source: Line<'a>,
}

/// The one masked line of a fault as the source of the drawing: nothing else of the file is shown.
struct Line<'a>(&'a Fault);

impl SourceCode for Line<'_> {
    fn read_span<'b>(
        &'b self,
        _: &SourceSpan,
        _: usize,
        _: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let line = self.0.excerpt.as_bytes();
        let number = self.0.line.saturating_sub(1) as usize;
        let span = (0, line.len()).into();
        // Only the heading reads it: the drawing takes the places of the labels.
        let column = self.0.column.saturating_sub(1) as usize;
        Ok(Box::new(MietteSpanContents::new_named(self.0.file.clone(), line, span, number, column, 1)))
    }
}

impl<'a> Shown<'a> {
    /// A fault that stops the set.
    pub fn error(fault: &'a Fault) -> Shown<'a> {
        Shown::with(fault, Severity::Error)
    }

    /// A warning.
    pub fn warning(fault: &'a Fault) -> Shown<'a> {
        Shown::with(fault, Severity::Warning)
    }

    fn with(fault: &'a Fault, severity: Severity) -> Shown<'a> {
        Shown { fault, severity, source: Line(fault) }
    }
}

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.fault, f)
    }
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.fault.line == 0 {
            write!(f, "{}: ", self.fault.file)?;
        }
        f.write_str(&self.fault.text)
    }
}

impl std::error::Error for Shown<'_> {}

impl Diagnostic for Shown<'_> {
    fn severity(&self) -> Option<Severity> {
        Some(self.severity)
    }

    fn help<'b>(&'b self) -> Option<Box<dyn fmt::Display + 'b>> {
        let allowed = &self.fault.allowed;
        let nearest = self.fault.nearest.as_ref().map(|name| format!("did you mean `{name}`?"));
        let allowed = (!allowed.is_empty()).then(|| format!("allowed: {}", allowed.join(", ")));
        let help: Vec<String> = nearest.into_iter().chain(allowed).collect();
        if help.is_empty() { None } else { Some(Box::new(help.join(" "))) }
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        (self.fault.line > 0).then_some(&self.source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        if self.fault.line == 0 {
            return None;
        }
        let octets = |count: usize| self.fault.excerpt.chars().take(count).map(char::len_utf8).sum::<usize>();
        let column = self.fault.column.saturating_sub(1) as usize;
        let start = octets(column);
        let end = octets(column + self.fault.width.max(1) as usize).max(start);
        let label = LabeledSpan::new(Some("here".to_owned()), start, end - start);
        Some(Box::new(std::iter::once(label)))
    }
}

/// All faults, then all warnings, as text; with colour only if asked for.
pub fn render(faults: &[Fault], warnings: &[Fault], colour: bool) -> String {
    let theme = if colour { GraphicalTheme::unicode() } else { GraphicalTheme::unicode_nocolor() };
    let handler = GraphicalReportHandler::new_themed(theme).with_context_lines(0).with_width(110);
    let mut drawn = String::new();
    let all = faults.iter().map(Shown::error).chain(warnings.iter().map(Shown::warning));
    for shown in all {
        if handler.render_report(&mut drawn, &shown).is_err() {
            // The drawing failed, the fault must be seen all the same.
            drawn.push_str(&format!("{}:{}: {shown}\n", shown.fault.file, shown.fault.line));
        }
    }
    drawn
}
