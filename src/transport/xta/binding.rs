//! The HTTP head of a message: which form its body has, which action it names and where, which form its answer has.
//! It never guesses an operation from a body, because pairs of operations share one; and of two actions that differ it
//! believes none.

use std::fmt;

use super::fault::Fault;
use crate::mime::media::{self, Boundary, Multipart, Parameterised};

/// What is read of an HTTP head.
#[derive(Clone, Copy, Default)]
pub struct Head<'a> {
    /// `Content-Type`.
    pub content_type: Option<&'a str>,
    /// `SOAPAction`.
    pub soap_action: Option<&'a str>,
    /// `Accept`.
    pub accept: Option<&'a str>,
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head").field("has_type", &self.content_type.is_some()).finish_non_exhaustive()
    }
}

/// The form of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The envelope alone.
    Plain,
    /// The envelope and parts beside it.
    Multipart {
        /// What separates them.
        boundary: Boundary,
        /// The Content-ID of the envelope; the first part where nothing is said.
        start: Option<String>,
    },
}

/// A head that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The form of the body.
    pub form: Form,
    /// The actions that the head names, the one that counts first.
    pub actions: Vec<String>,
    /// Whether the answer is multipart.
    pub answer_multipart: bool,
}

/// Reads a head. What is no message of SOAP 1.2 gets the status 415.
pub fn read(head: &Head<'_>) -> Result<Binding, Fault> {
    let unknown =
        || Fault::media_type("media type other than application/soap+xml or multipart/related with xop");
    let content_type = head.content_type.ok_or_else(unknown)?;
    let kind = Parameterised::parse(content_type).map_err(|_| unknown())?;
    let mut actions = Vec::new();
    let form = match kind.value.as_str() {
        "application/soap+xml" => {
            utf8(&kind)?;
            actions.extend(kind.get("action").map(str::to_owned));
            Form::Plain
        }
        "multipart/related" => {
            let related = media::boundary_of(content_type).map_err(|_| unknown())?;
            let root = related.root_type.as_deref().unwrap_or_default();
            if related.kind != Multipart::Related || !root.trim().eq_ignore_ascii_case("application/xop+xml")
            {
                return Err(unknown());
            }
            if let Some(info) = &related.start_info {
                actions.extend(inner_action(info)?);
            }
            Form::Multipart { boundary: related.boundary, start: related.start }
        }
        _ => return Err(unknown()),
    };
    let named = head.soap_action.map(|action| action.trim().trim_matches('"').trim().to_owned());
    actions.extend(named);
    actions.retain(|action| !action.is_empty());
    let answer_multipart = matches!(form, Form::Multipart { .. }) || head.accept.is_some_and(lists_multipart);
    Ok(Binding { form, actions, answer_multipart })
}

/// The action that the type of the root part names; an envelope that is something else gets the status 415.
pub fn of_root(content_type: Option<&str>) -> Result<Option<String>, Fault> {
    let unknown = || Fault::media_type("root part other than application/xop+xml with soap");
    let kind = Parameterised::parse(content_type.ok_or_else(unknown)?).map_err(|_| unknown())?;
    if kind.value != "application/xop+xml" {
        return Err(unknown());
    }
    utf8(&kind)?;
    inner_action(kind.get("type").ok_or_else(unknown)?)
}

/// The action in a media type that stands inside another one.
fn inner_action(text: &str) -> Result<Option<String>, Fault> {
    let inner = Parameterised::parse(text).ok().filter(|inner| inner.value == "application/soap+xml");
    let inner =
        inner.ok_or_else(|| Fault::media_type("start-info or type other than application/soap+xml"))?;
    Ok(inner.get("action").filter(|action| !action.is_empty()).map(str::to_owned))
}

fn utf8(kind: &Parameterised) -> Result<(), Fault> {
    match kind.get("charset") {
        None => Ok(()),
        Some(charset) if charset.eq_ignore_ascii_case("utf-8") => Ok(()),
        Some(_) => Err(Fault::media_type("character encoding other than utf-8")),
    }
}

/// Whether `Accept` asks for multipart by name; `*/*` asks for nothing.
fn lists_multipart(accept: &str) -> bool {
    accept.split(',').filter_map(|range| Parameterised::parse(range).ok()).any(|range| {
        let refused =
            range.get("q").is_some_and(|weight| weight.parse().is_ok_and(|weight: f32| weight <= 0.0));
        range.value == "multipart/related" && !refused
    })
}

/// Of all the actions that a message names the first, if none differs from it.
pub fn one_action<'a>(actions: impl IntoIterator<Item = &'a str>) -> Result<Option<String>, Fault> {
    let mut actions = actions.into_iter();
    let Some(first) = actions.next() else { return Ok(None) };
    if actions.any(|other| other != first) {
        return Err(Fault::addressing("ActionMismatch", "the actions that the message names differ"));
    }
    Ok(Some(first.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head<'a>(content_type: &'a str, soap_action: Option<&'a str>, accept: &'a str) -> Head<'a> {
        Head { content_type: Some(content_type), soap_action, accept: Some(accept) }
    }

    #[test]
    fn actions_stand_where_the_stacks_put_them() {
        let cxf = "multipart/related; type=\"application/xop+xml\"; boundary=\"uuid:1\"; start=\"<r@c>\"; \
                   start-info=\"application/soap+xml; action=\\\"urn:a\\\"\"";
        let read_cxf = read(&head(cxf, Some("urn:a"), "*/*")).unwrap();
        assert_eq!((read_cxf.actions, read_cxf.answer_multipart), (vec!["urn:a".to_owned(); 2], true));
        let zeep = "application/soap+xml; charset=utf-8; action=\"urn:a\"";
        let read_zeep = read(&head(zeep, Some("\"urn:a\""), "*/*")).unwrap();
        assert_eq!((read_zeep.actions, read_zeep.answer_multipart), (vec!["urn:a".to_owned(); 2], false));
        assert!(read(&head(zeep, None, "application/soap+xml, multipart/related")).unwrap().answer_multipart);
        assert!(!read(&head(zeep, None, "multipart/related;q=0, */*")).unwrap().answer_multipart);
        assert!(read(&head("application/soap+xml", Some("\"\""), "")).unwrap().actions.is_empty());
        let root = "application/xop+xml;charset=utf-8;type=\"application/soap+xml;action=\\\"urn:b\\\"\"";
        assert_eq!(of_root(Some(root)).unwrap().as_deref(), Some("urn:b"));
        assert_eq!(one_action(["a", "a"]).unwrap().as_deref(), Some("a"));
        assert_eq!(
            one_action(["a", "b"]).unwrap_err().addressing,
            ["InvalidAddressingHeader", "ActionMismatch"]
        );
    }

    #[test]
    fn other_media_types_are_415() {
        for content_type in [
            "text/xml; charset=utf-8",
            "application/xml",
            "application/soap+xml; charset=iso-8859-1",
            "multipart/related; boundary=a",
            "multipart/related; boundary=a; type=\"text/xml\"",
            "multipart/form-data; boundary=a",
            "multipart/related; type=\"application/xop+xml\"",
            "multipart/related; type=\"application/xop+xml\"; boundary=a; start-info=\"text/xml\"",
            "",
        ] {
            assert_eq!(read(&head(content_type, None, "")).unwrap_err().status, 415, "{content_type}");
        }
        assert_eq!(read(&Head::default()).unwrap_err().status, 415);
        for root in [
            None,
            Some("text/xml"),
            Some("application/xop+xml"),
            Some("application/xop+xml; type=\"text/xml\""),
        ] {
            assert_eq!(of_root(root).unwrap_err().status, 415);
        }
    }
}
