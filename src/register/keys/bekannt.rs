//! What is known of a child and its mother as keys are made of it: days, and names taken apart once for all keys of a request.
//! Never makes a key.

use super::form::falten;
use crate::register::namen::{self, Wort, grob};
use crate::register::once::once;
use crate::register::record::{Kind, Mutter, Personenname, TeilDatum};

/// A part of a name taken apart.
struct Teil {
    /// Its words.
    worte: Vec<Wort>,
    /// The whole in each of its spellings, see [`super::schreibweisen`]; one that is empty where there is none.
    ganz: Vec<String>,
}

impl Teil {
    fn of(part: Option<&str>) -> Teil {
        let formen = namen::formen(part.unwrap_or_default());
        let ganz = once(formen.iter().map(|form| grob(&falten(form))));
        Teil { worte: namen::ohne_einzelne(&formen), ganz }
    }
}

/// A name of the child as a whole, in each spelling of its parts.
pub struct Ganz {
    /// Of its family name.
    pub familie: Vec<String>,
    /// Of its given names.
    pub vornamen: Vec<String>,
}

/// What is known of a child and its mother.
pub struct Bekannt {
    /// The child's day of birth, where it is known whole.
    pub kind: Option<String>,
    /// Hers.
    pub mutter: Option<String>,
    /// Each name of the child.
    pub namen: Vec<Ganz>,
    /// All words of all its names.
    pub worte: Vec<Wort>,
    /// Words of her given names.
    pub vornamen: Vec<Wort>,
    /// Words of her family names.
    pub familie: Vec<Wort>,
    /// Family name and name at birth as a whole in each spelling, none where there is none.
    pub ganze: [Vec<String>; 2],
}

impl Bekannt {
    /// Takes apart what is known.
    pub fn of(kind: Option<&Kind>, mutter: &Mutter) -> Self {
        let day = |datum: &TeilDatum| datum.vollstaendig().then(|| datum.to_string());
        let (mut namen, mut worte) = (Vec::new(), Vec::new());
        for name in kind.map(|kind| kind.namen.as_slice()).unwrap_or_default() {
            let [familie, geburt, vornamen] = teile(name);
            worte.extend([familie.worte, geburt.worte, vornamen.worte].into_iter().flatten());
            namen.push(Ganz { familie: familie.ganz, vornamen: vornamen.ganz });
        }
        let [familie, geburt, vornamen] = teile(&mutter.name);
        let filled = |spelled: Vec<String>| spelled.into_iter().filter(|name| !name.is_empty()).collect();
        Bekannt {
            kind: kind.and_then(|kind| kind.geburtsdatum.as_ref()).and_then(day),
            mutter: day(&mutter.geburtsdatum),
            namen,
            worte: once(worte),
            vornamen: vornamen.worte,
            familie: once(familie.worte.into_iter().chain(geburt.worte)),
            ganze: [filled(familie.ganz), filled(geburt.ganz)],
        }
    }
}

/// Family name, name at birth and given names.
fn teile(name: &Personenname) -> [Teil; 3] {
    [&name.familienname, &name.geburtsname, &name.vornamen].map(|part| Teil::of(part.as_deref()))
}
