//! What differs between the files of two sets, field by field: what was written before and what is written now, and of a secret only that it
//! differs. Pure; what is noted of a file holds no secret.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::route::fault::SECRET_KEYS;
use crate::route::text_file::TextFile;
use crate::route::tree::Node;

/// Under these keys of `connections.yaml` stand secrets as well, besides those that are one everywhere.
const OF_THE_STAGE: &[&str] = &["/key", "/store/url", "/store/owner", "/store/keys"];

/// Which of the files of a stage one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// A route.
    Route,
    /// `connections.yaml`.
    Connections,
    /// `partners.yaml`.
    Partners,
    /// A table of the stage.
    Table,
    /// Texts or a head of letters.
    Letter,
    /// One that a newer program knows.
    #[serde(other)]
    Other,
}

impl Role {
    /// In a word for the reader.
    pub fn word(self) -> &'static str {
        match self {
            Role::Route | Role::Connections | Role::Partners | Role::Other => "file",
            Role::Table => "table",
            Role::Letter => "letter",
        }
    }
}

/// What is noted of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    /// Which it is.
    pub role: Role,
    /// SHA-256 of its text, in hexadecimal digits.
    pub sha256: String,
    /// What is written, secrets replaced by a mark that differs where they do; nothing of tables and letters.
    #[serde(default)]
    pub says: Value,
}

impl Noted {
    /// Of a file and, where it is compared by fields, of what is written in it.
    pub fn of(role: Role, file: &TextFile, root: Option<&Node>) -> Noted {
        let mut says = root.map(Node::json).unwrap_or_default();
        hide(&mut says, role, "", false);
        Noted { role, sha256: sha256(file.text.as_bytes()), says }
    }
}

fn sha256(octets: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, octets))
}

fn is_secret(role: Role, path: &str, key: &str) -> bool {
    SECRET_KEYS.contains(&key) || role == Role::Connections && OF_THE_STAGE.contains(&path)
}

/// Replaces whatever is a secret or leads to one, and passwords within a URL.
fn hide(value: &mut Value, role: Role, path: &str, secret: bool) {
    match value {
        Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
            let path = format!("{path}/{key}");
            hide(value, role, &path, secret || is_secret(role, &path, key));
        }),
        Value::Array(items) => items.iter_mut().for_each(|item| hide(item, role, path, secret)),
        Value::String(text) if secret || has_password(text) => {
            *text = sha256(text.as_bytes())[..16].to_owned()
        }
        Value::Number(_) if secret => *value = sha256(value.to_string().as_bytes())[..16].into(),
        _ => {}
    }
}

fn has_password(text: &str) -> bool {
    text.split_once("://")
        .is_some_and(|(_, rest)| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')))
}

/// One field that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Field {
    /// Its path in the file that has it, such as `/connections/door/listen`; items of lists by their place.
    pub path: String,
    /// What was written; `None` where nothing was, or where it is a secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Value>,
    /// What is written now, likewise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<Value>,
    /// A secret: that it differs is all that is shown.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// How a file differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum How {
    /// Only the new set has it.
    Added,
    /// Only the running set has it.
    Removed,
    /// The same text under another name.
    Renamed,
    /// What is written differs: in the fields that are named, or of a table or letter as a whole.
    Changed,
    /// The text differs, and what is written does not.
    Layout,
}

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Its name.
    pub file: String,
    /// Which it is.
    pub role: Role,
    /// How it differs.
    pub how: How,
    /// Its name in the running set, where that is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub was: Option<String>,
    /// SHA-256 of the text that runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// SHA-256 of the text that would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The fields that differ.
    pub fields: Vec<Field>,
}

/// What differs between the files of two sets, by their names.
pub fn changes(before: &BTreeMap<String, Noted>, after: &BTreeMap<String, Noted>) -> Vec<FileChange> {
    let mut gone: BTreeMap<&String, &Noted> =
        before.iter().filter(|(name, _)| !after.contains_key(*name)).collect();
    let mut all = Vec::new();
    for (name, new) in after {
        let same = before.get(name).map(|old| (name, old));
        match same.or_else(|| take_twin(&mut gone, name, new)) {
            Some((was, old)) => all.extend(change(was, old, name, new)),
            None => all.push(FileChange {
                file: name.clone(),
                role: new.role,
                how: How::Added,
                was: None,
                from: None,
                to: Some(new.sha256.clone()),
                fields: Vec::new(),
            }),
        }
    }
    let removed = gone.into_iter().map(|(name, old)| FileChange {
        file: name.clone(),
        role: old.role,
        how: How::Removed,
        was: None,
        from: Some(old.sha256.clone()),
        to: None,
        fields: Vec::new(),
    });
    all.extend(removed);
    all
}

/// The file that went which this one is by another name: the same text, or the same last part of its path.
fn take_twin<'a>(
    gone: &mut BTreeMap<&'a String, &'a Noted>,
    name: &str,
    new: &Noted,
) -> Option<(&'a String, &'a Noted)> {
    let last = |name: &str| name.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
    let of_role = |old: &Noted| old.role == new.role;
    let same_text = gone.iter().find(|(_, old)| of_role(old) && old.sha256 == new.sha256);
    let twin = same_text.or_else(|| gone.iter().find(|(was, old)| of_role(old) && last(was) == last(name)));
    let (was, old) = twin.map(|(was, old)| (*was, *old))?;
    gone.remove(was);
    Some((was, old))
}

fn change(was: &String, old: &Noted, name: &str, new: &Noted) -> Option<FileChange> {
    let mut fields = Vec::new();
    compare(&mut fields, new.role, "", (&old.says, &new.says), false);
    let by_fields = !(new.says.is_null() && old.says.is_null());
    let how = match (old.sha256 == new.sha256, fields.is_empty()) {
        (true, true) if was == name => return None,
        (true, true) => How::Renamed,
        (false, true) if by_fields => How::Layout,
        _ => How::Changed,
    };
    Some(FileChange {
        file: name.to_owned(),
        role: new.role,
        how,
        was: (was != name).then(|| was.clone()),
        from: Some(old.sha256.clone()),
        to: Some(new.sha256.clone()),
        fields,
    })
}

fn compare(fields: &mut Vec<Field>, role: Role, path: &str, (old, new): (&Value, &Value), secret: bool) {
    match (old, new) {
        (Value::Object(before), Value::Object(after)) => {
            let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
            for key in keys {
                let path = format!("{path}/{key}");
                let secret = secret || is_secret(role, &path, key);
                both(fields, role, &path, (before.get(key), after.get(key)), secret);
            }
        }
        // What was put in or taken out somewhere shows as that, and not as a change of all that follows.
        (Value::Array(before), Value::Array(after)) => {
            let first = before.iter().zip(after).take_while(|(old, new)| old == new).count();
            let rest = before.len().min(after.len()) - first;
            let last = before.iter().rev().zip(after.iter().rev()).take(rest);
            let last = last.take_while(|(old, new)| old == new).count();
            let middle = (&before[first..before.len() - last], &after[first..after.len() - last]);
            for nth in 0..middle.0.len().max(middle.1.len()) {
                let path = format!("{path}/{}", first + nth);
                both(fields, role, &path, (middle.0.get(nth), middle.1.get(nth)), secret);
            }
        }
        _ if old == new => {}
        _ => both(fields, role, path, (Some(old), Some(new)), secret),
    }
}

/// One that both have is looked into; a secret in what only one has is left out, and what leads to it is named.
fn both(
    fields: &mut Vec<Field>,
    role: Role,
    path: &str,
    (old, new): (Option<&Value>, Option<&Value>),
    secret: bool,
) {
    if old == new {
        return;
    }
    let deeper = |value: Option<&Value>| value.is_some_and(|value| value.is_object() || value.is_array());
    if let (Some(old), Some(new)) = (old, new)
        && !secret
        && deeper(Some(old))
        && std::mem::discriminant(old) == std::mem::discriminant(new)
    {
        compare(fields, role, path, (old, new), secret);
        return;
    }
    let shown =
        |value: Option<&Value>| value.filter(|_| !secret).cloned().map(|value| without(value, role, path));
    fields.push(Field { path: path.to_owned(), from: shown(old), to: shown(new), secret });
}

/// What is shown of a value that only one set has: nothing that is a secret or leads to one.
fn without(mut value: Value, role: Role, path: &str) -> Value {
    fn cut(value: &mut Value, role: Role, path: &str) {
        match value {
            Value::Object(map) => map.iter_mut().for_each(|(key, value)| {
                let path = format!("{path}/{key}");
                match is_secret(role, &path, key) {
                    true => *value = "…".into(),
                    false => cut(value, role, &path),
                }
            }),
            Value::Array(items) => items.iter_mut().for_each(|item| cut(item, role, path)),
            _ => {}
        }
    }
    cut(&mut value, role, path);
    value
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(old: Value, new: Value) -> Vec<(String, Option<Value>, Option<Value>)> {
        let mut fields = Vec::new();
        compare(&mut fields, Role::Connections, "", (&old, &new), false);
        fields.into_iter().map(|field| (field.path, field.from, field.to)).collect()
    }

    #[test]
    fn an_item_that_is_put_in_is_one_field() {
        let told = told(json!({ "do": [1, 2, 3] }), json!({ "do": [1, 9, 2, 3] }));
        assert_eq!(told, [("/do/1".to_owned(), None, Some(json!(9)))]);
    }

    #[test]
    fn numbers_and_texts_of_the_same_digits_differ() {
        assert_eq!(
            told(json!({ "a": 1 }), json!({ "a": "1" })),
            [("/a".to_owned(), Some(json!(1)), Some(json!("1")))]
        );
    }

    #[test]
    fn of_secrets_only_that_they_differ_is_told() {
        let old = json!({ "c": { "secret": { "env": "A" }, "url": "x" }, "key": { "file": "k" } });
        let new = json!({ "c": { "secret": { "env": "B" }, "url": "x" }, "key": { "file": "l" } });
        assert_eq!(
            told(old.clone(), new),
            [("/c/secret".to_owned(), None, None), ("/key".to_owned(), None, None)]
        );
        let gone = told(old, json!({ "key": { "file": "k" } }));
        assert_eq!(gone, [("/c".to_owned(), Some(json!({ "secret": "…", "url": "x" })), None)]);
    }

    #[test]
    fn what_is_noted_holds_no_secret_and_marks_that_differ() {
        let noted = |text: &str| {
            let mut says: Value = serde_json::from_str(text).unwrap();
            hide(&mut says, Role::Connections, "", false);
            says.to_string()
        };
        let one = noted(r#"{"c":{"token":["geheim-1"],"url":"amqps://u:geheim-1@h/v"},"key":"geheim-1"}"#);
        let two = noted(r#"{"c":{"token":["geheim-2"],"url":"amqps://u:geheim-1@h/v"},"key":"geheim-1"}"#);
        assert!(!one.contains("geheim") && one != two, "{one}");
    }

    #[test]
    fn a_file_by_another_name_is_no_other_file() {
        let noted =
            |text: &str| Noted { role: Role::Table, sha256: sha256(text.as_bytes()), says: Value::Null };
        let of = |name: &str, text: &str| BTreeMap::from([(name.to_owned(), noted(text))]);
        let hows = |before, after| changes(&before, &after).iter().map(|one| one.how).collect::<Vec<_>>();
        assert_eq!(hows(of("a/x.csv", "1"), of("/b/x.csv", "1")), [How::Renamed]);
        assert_eq!(hows(of("a/x.csv", "1"), of("/b/x.csv", "2")), [How::Changed]);
        assert_eq!(hows(of("a/x.csv", "1"), of("a/y.csv", "2")), [How::Added, How::Removed]);
        assert_eq!(hows(of("a/x.csv", "1"), of("a/x.csv", "1")), []);
    }
}
