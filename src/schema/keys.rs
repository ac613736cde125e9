//! Identity constraints while a document is read: which elements are selected, their fields, the tables of keys.
//! It never keeps more than the keys of the document, and nothing beyond it.

use std::collections::{BTreeMap, HashMap};

use super::identity::{Constraint, Sort};
use super::names::{NameId, NsId};
use super::simple::Key;

/// Most keys that are held of a document at a time beyond one for each element that is selected. One that lies in nested elements of one
/// constraint is held for each of them, so without a bound time and memory would grow with the depth, too.
const MOST_COPIES: usize = 1_000_000;

/// A fault of an identity constraint: code, octet of the element, what was expected.
pub(super) struct KeyFault {
    pub(super) code: &'static str,
    pub(super) offset: usize,
    pub(super) what: &'static str,
    /// How many elements are open above and with it.
    pub(super) depth: usize,
}

/// A constraint that an open element began.
struct Scope {
    constraint: u32,
    depth: usize,
    /// Another element with the same constraint is open around it.
    nested: bool,
    /// Keys with the octet of their element.
    table: HashMap<Box<str>, usize>,
    /// The rows of a keyref.
    wanted: Vec<(Box<str>, usize)>,
}

/// An open element that a selector selected.
struct Row {
    scope: usize,
    depth: usize,
    offset: usize,
    fields: Vec<Field>,
    broken: bool,
}

/// What a field has come to.
#[derive(Clone, PartialEq)]
enum Field {
    /// No node yet.
    Open,
    /// A node without a value: an element that is nil.
    Nil,
    Value(Box<str>),
}

impl Field {
    fn value(&self) -> Option<&str> {
        match self {
            Field::Value(value) => Some(value),
            _ => None,
        }
    }
}

/// Keys of the tables below an open element; false where two tables hold the same key.
type Held = BTreeMap<(usize, u32), HashMap<Box<str>, bool>>;

/// All of it.
#[derive(Default)]
pub(super) struct Keys {
    scopes: Vec<Scope>,
    rows: Vec<Row>,
    /// Fields whose value comes when the element of that depth ends: row, field.
    pending: Vec<(usize, usize, usize)>,
    held: Held,
    /// How many keys were held for a nested element since none was open.
    copies: usize,
    /// More than can be held were met: nothing is looked at any more.
    full: bool,
    pub(super) faults: Vec<KeyFault>,
}

impl Keys {
    /// Whether values of attributes and texts are wanted.
    pub(super) fn wants(&self) -> bool {
        !self.rows.is_empty()
    }

    pub(super) fn idle(&self) -> bool {
        self.scopes.is_empty()
    }

    /// An element began; `names` are all open elements with it, `own` the constraints of its declaration.
    pub(super) fn start(
        &mut self,
        all: &[Constraint],
        own: &[u32],
        names: &[(NsId, Option<NameId>)],
        offset: usize,
    ) {
        if self.full {
            return;
        }
        let depth = names.len() - 1;
        for constraint in own {
            let nested = self.scopes.iter().any(|scope| scope.constraint == *constraint);
            self.scopes.push(Scope {
                constraint: *constraint,
                depth,
                nested,
                table: HashMap::new(),
                wanted: Vec::new(),
            });
        }
        for (scope, active) in self.scopes.iter().enumerate() {
            let constraint = &all[active.constraint as usize];
            if constraint.selector.iter().any(|path| path.reaches(&names[active.depth..])) {
                let fields = vec![Field::Open; constraint.fields.len()];
                self.rows.push(Row { scope, depth, offset, fields, broken: false });
            }
        }
        for (number, row) in self.rows.iter().enumerate() {
            let constraint = &all[self.scopes[row.scope].constraint as usize];
            for (field, paths) in constraint.fields.iter().enumerate() {
                let reached =
                    paths.iter().any(|path| !path.is_of_attribute() && path.reaches(&names[row.depth..]));
                if reached {
                    self.pending.push((depth, number, field));
                }
            }
        }
    }

    /// An attribute of the innermost element.
    pub(super) fn attribute(
        &mut self,
        all: &[Constraint],
        names: &[(NsId, Option<NameId>)],
        (space, name): (NsId, Option<NameId>),
        key: &Key<'_>,
    ) {
        for at in 0..self.rows.len() {
            let (depth, scope) = (self.rows[at].depth, self.rows[at].scope);
            let constraint = &all[self.scopes[scope].constraint as usize];
            for (field, paths) in constraint.fields.iter().enumerate() {
                let reached = paths
                    .iter()
                    .any(|path| path.takes_attribute(space, name) && path.reaches(&names[depth..]));
                if reached {
                    set(&mut self.rows[at], field, text_of(key), &mut self.faults);
                }
            }
        }
    }

    /// The innermost element ends; `value` is the key of its text where it has a simple type.
    pub(super) fn end(
        &mut self,
        all: &[Constraint],
        depth: usize,
        value: Option<&Key<'_>>,
        (simple, nillable, nil): (bool, bool, bool),
    ) {
        while let Some((_, row, field)) = self.pending.pop_if(|(at, ..)| *at == depth) {
            let row = &mut self.rows[row];
            let is_key = all[self.scopes[row.scope].constraint as usize].sort == Sort::Key;
            let offset = row.offset;
            if !simple && !row.broken {
                row.broken = true;
                let what = "a field is an element with text only";
                let code = "cvc-identity-constraint.3";
                self.faults.push(KeyFault { code, offset, what, depth: row.depth + 1 });
            } else if is_key && nillable && !row.broken {
                row.broken = true;
                let what = "a key has no field that may be nil";
                let code = "cvc-identity-constraint.4.2.3";
                self.faults.push(KeyFault { code, offset, what, depth: row.depth + 1 });
            } else if nil {
                // A node all the same, and a field is one at most (Part 1, 3.11.4, 3).
                set(row, field, Field::Nil, &mut self.faults);
            } else if let Some(key) = value {
                set(row, field, text_of(key), &mut self.faults);
            }
        }
        while let Some(row) = self.rows.pop_if(|row| row.depth == depth) {
            self.close_row(all, row);
        }
        let first = self.scopes.iter().position(|scope| scope.depth == depth).unwrap_or(self.scopes.len());
        let ended: Vec<Scope> = self.scopes.drain(first..).collect();
        let mut wanted = Vec::new();
        for scope in ended {
            if all[scope.constraint as usize].sort == Sort::KeyRef {
                wanted.push(scope);
                continue;
            }
            // Nobody asks for a table that no keyref refers to.
            if all.iter().all(|other| other.refer != Some(scope.constraint)) {
                continue;
            }
            // What the element's own table holds stands before what those below it hold.
            let own = self.held.entry((depth, scope.constraint)).or_default();
            own.extend(scope.table.into_keys().map(|key| (key, true)));
        }
        for scope in wanted {
            let Some(refer) = all[scope.constraint as usize].refer else { continue };
            let table = self.held.get(&(depth, refer));
            for (key, offset) in scope.wanted {
                if table.and_then(|table| table.get(&key)) != Some(&true) {
                    let what = "a keyref has the value of a key";
                    let code = "cvc-identity-constraint.4.3";
                    self.faults.push(KeyFault { code, offset, what, depth: depth + 1 });
                }
            }
        }
        if !self.held.is_empty() {
            self.hand_up(depth);
        }
        if self.copies > MOST_COPIES {
            self.give_up(depth);
        } else if self.scopes.is_empty() && self.held.is_empty() {
            self.copies = 0;
        }
    }

    /// Ends looking at keys, because of how many there are.
    fn give_up(&mut self, depth: usize) {
        let offset =
            self.scopes.first().and_then(|scope| scope.table.values().min().copied()).unwrap_or_default();
        *self = Keys { full: true, faults: std::mem::take(&mut self.faults), ..Keys::default() };
        let what = "no more than 1000000 keys that lie in nested elements of one identity constraint";
        self.faults.push(KeyFault { code: "limit", offset, what, depth: depth + 1 });
    }

    /// Gives the tables of an element that ended to its parent.
    fn hand_up(&mut self, depth: usize) {
        while let Some(place) = self.held.range((depth, 0)..=(depth, u32::MAX)).next().map(|(at, _)| *at) {
            let Some(table) = self.held.remove(&place) else { continue };
            let Some(above) = depth.checked_sub(1) else { continue };
            let target = self.held.entry((above, place.1)).or_default();
            if target.is_empty() {
                *target = table;
                continue;
            }
            for (key, sole) in table {
                target.entry(key).and_modify(|sole| *sole = false).or_insert(sole);
            }
        }
    }

    fn close_row(&mut self, all: &[Constraint], row: Row) {
        let scope = &mut self.scopes[row.scope];
        let sort = all[scope.constraint as usize].sort;
        let complete = row.fields.iter().all(|field| field.value().is_some());
        if !complete {
            if sort == Sort::Key && !row.broken {
                let what = "each field of a key has a value";
                let (offset, depth) = (row.offset, row.depth + 1);
                let code = "cvc-identity-constraint.4.2.1";
                self.faults.push(KeyFault { code, offset, what, depth });
            }
            return;
        }
        let key: String = row.fields.iter().filter_map(Field::value).fold(String::new(), |mut key, field| {
            key.push_str(field);
            key.push('\u{2}');
            key
        });
        self.copies += usize::from(scope.nested);
        if sort == Sort::KeyRef {
            scope.wanted.push((key.into(), row.offset));
        } else if scope.table.insert(key.into(), row.offset).is_some() {
            let code = match sort {
                Sort::Key => "cvc-identity-constraint.4.2.2",
                _ => "cvc-identity-constraint.4.1",
            };
            let what = "a value that no other has is expected";
            let (offset, depth) = (row.offset, row.depth + 1);
            self.faults.push(KeyFault { code, offset, what, depth });
        }
    }
}

fn text_of(key: &Key<'_>) -> Field {
    Field::Value(format!("{}{}", char::from(b'A' + key.tag), key.text).into())
}

fn set(row: &mut Row, field: usize, node: Field, faults: &mut Vec<KeyFault>) {
    if row.fields[field] == Field::Open {
        row.fields[field] = node;
    } else if !row.broken {
        row.broken = true;
        let (offset, depth) = (row.offset, row.depth + 1);
        let what = "a field is one element or attribute at most";
        faults.push(KeyFault { code: "cvc-identity-constraint.3", offset, what, depth });
    }
}
