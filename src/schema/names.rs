//! Names of a schema as small numbers, so that a document's names are looked up once and then only compared.
//! It never takes in a name of a document: what the schema does not know stays unknown, and nothing grows.

/// A namespace of a schema; equal numbers mean equal names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NsId(pub(super) u32);

/// An expanded name of a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct NameId(pub(super) u32);

/// No namespace.
pub(super) const NO_NS: NsId = NsId(0);
/// The namespace of `xsi:type` and its neighbours.
pub(super) const XSI: NsId = NsId(1);
/// The namespace of XML Schema itself; before it stands that of the prefix `xml`.
pub(super) const XSD: NsId = NsId(3);
/// A namespace that no schema names.
pub(super) const UNKNOWN: NsId = NsId(u32::MAX);

/// The name of [`XSI`].
pub(super) const XSI_NAME: &str = "http://www.w3.org/2001/XMLSchema-instance";
/// The name of [`XSD`].
pub(super) const XSD_NAME: &str = "http://www.w3.org/2001/XMLSchema";
/// The name of [`XML`].
pub(super) const XML_NAME: &str = "http://www.w3.org/XML/1998/namespace";

const EMPTY: u32 = u32::MAX;

/// The names of a schema.
#[derive(Debug)]
pub(super) struct Names {
    spaces: Vec<Box<str>>,
    names: Vec<(NsId, Box<str>)>,
    /// Open addressing, at most half full; numbers into `names`.
    slots: Vec<u32>,
}

impl Names {
    pub(super) fn new() -> Names {
        let spaces = ["", XSI_NAME, XML_NAME, XSD_NAME].map(Box::from).into();
        Names { spaces, names: Vec::new(), slots: vec![EMPTY; 64] }
    }

    /// The number of a namespace, [`UNKNOWN`] when the schema does not name it.
    pub(super) fn space(&self, name: &str) -> NsId {
        let found = self.spaces.iter().position(|space| &**space == name);
        found.map_or(UNKNOWN, |at| NsId(at as u32))
    }

    pub(super) fn add_space(&mut self, name: &str) -> NsId {
        match self.space(name) {
            UNKNOWN => {
                self.spaces.push(name.into());
                NsId(self.spaces.len() as u32 - 1)
            }
            known => known,
        }
    }

    pub(super) fn find(&self, space: NsId, local: &str) -> Option<NameId> {
        let mask = self.slots.len() - 1;
        let mut at = hash(space, local) as usize & mask;
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                return None;
            }
            let (known, name) = &self.names[slot as usize];
            if *known == space && &**name == local {
                return Some(NameId(slot));
            }
            at = (at + 1) & mask;
        }
    }

    pub(super) fn add(&mut self, space: NsId, local: &str) -> NameId {
        if let Some(known) = self.find(space, local) {
            return known;
        }
        if (self.names.len() + 1) * 2 > self.slots.len() {
            self.slots = vec![EMPTY; self.slots.len() * 2];
            for number in 0..self.names.len() {
                self.place(number as u32);
            }
        }
        self.names.push((space, local.into()));
        let number = self.names.len() as u32 - 1;
        self.place(number);
        NameId(number)
    }

    fn place(&mut self, number: u32) {
        let (space, local) = &self.names[number as usize];
        let mask = self.slots.len() - 1;
        let mut at = hash(*space, local) as usize & mask;
        while self.slots[at] != EMPTY {
            at = (at + 1) & mask;
        }
        self.slots[at] = number;
    }

    pub(super) fn space_of(&self, name: NameId) -> NsId {
        self.names[name.0 as usize].0
    }

    /// The name of a namespace that the schema names.
    pub(super) fn space_name(&self, space: NsId) -> &str {
        self.spaces.get(space.0 as usize).map_or("", |name| name)
    }

    pub(super) fn local(&self, name: NameId) -> &str {
        &self.names[name.0 as usize].1
    }

    /// All names that are called so, of whatever namespace. Goes through all of them: for what is told of a fault.
    pub(super) fn called<'n>(&'n self, local: &'n str) -> impl Iterator<Item = NameId> + 'n {
        let of = move |(number, (_, known)): (usize, &(NsId, Box<str>))| {
            (&**known == local).then_some(NameId(number as u32))
        };
        self.names.iter().enumerate().filter_map(of)
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }
}

/// Only the schema's own names stand in the table, so that a sender cannot fill it with colliding ones.
fn hash(space: NsId, local: &str) -> u64 {
    const FACTOR: u64 = 0x517c_c1b7_2722_0a95;
    let mut hash = u64::from(space.0);
    let mut chunks = local.as_bytes().chunks_exact(8);
    for chunk in &mut chunks {
        let word = chunk.iter().fold(0u64, |word, &byte| (word << 8) | u64::from(byte));
        hash = (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
    let word = chunks.remainder().iter().fold(1u64, |word, &byte| (word << 8) | u64::from(byte));
    hash = (hash.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found_again_and_strangers_are_not() {
        let mut names = Names::new();
        let space = names.add_space("urn:a");
        let all: Vec<NameId> = (0..500).map(|at| names.add(space, &format!("element{at}"))).collect();
        for (at, name) in all.iter().enumerate() {
            assert_eq!(names.find(space, &format!("element{at}")), Some(*name));
            assert_eq!(names.find(NO_NS, &format!("element{at}")), None);
        }
        assert_eq!(names.find(space, "other"), None);
        assert_eq!(names.space("urn:b"), UNKNOWN);
        assert_eq!(names.space_of(all[3]), space);
        assert_eq!(names.local(all[3]), "element3");
    }
}
