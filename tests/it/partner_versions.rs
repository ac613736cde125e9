//! A new version of a standard beside the one that is in use: partners are written to in the version that they take, so that it
//! breaks nobody; and what one of them would get is tried before it is applied. The newer version is made here from the older one.

use std::fs;
use std::path::{Path, PathBuf};

use drehscheibe::app::fit::{self, Fit, Unfit};
use drehscheibe::app::place::Place;
use drehscheibe::app::player::{self, Played, Troubles};
use drehscheibe::app::script::{self, Shelf};
use drehscheibe::envelope::Inbound;
use drehscheibe::route::case;

use crate::support::root;

const OLD: &str = "1.3.0";
const NEW: &str = "1.4.0";
/// The first element of what is said of the mother in every message.
const MOTHER: &str = r#"<xs:element name="nameElternteil2" type="xfb:NameNatuerlichePersonType"/>"#;

/// A stage with both versions; `more` puts an element into the newer one that its templates do not write.
struct Stage {
    dir: tempfile::TempDir,
}

fn copied(from: &Path, to: &Path, change: &dyn Fn(String) -> String) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        match path.is_dir() {
            true if name == "samples" => {}
            true => copied(&path, &to.join(name), change),
            false => fs::write(to.join(name), change(fs::read_to_string(&path).unwrap())).unwrap(),
        }
    }
}

impl Stage {
    fn new(more: bool, takes: &[(&str, &str)]) -> Stage {
        let dir = tempfile::tempdir().unwrap();
        let as_it_is: &dyn Fn(String) -> String = &|text| text;
        copied(&root().join("xsd"), &dir.path().join("xsd"), as_it_is);
        let renewed = |text: String| {
            let mandatory = format!("{MOTHER}<xs:element name=\"neuePflichtangabe\" type=\"xs:string\"/>");
            let text = if more { text.replace(MOTHER, &mandatory) } else { text };
            text.replace(OLD, NEW)
        };
        copied(&root().join("xsd/xfamilie").join(OLD), &dir.path().join("xsd/xfamilie").join(NEW), &renewed);
        copied(&root().join("deploy/stages/demo"), &dir.path().join("stage"), as_it_is);
        let file = dir.path().join("stage/partners.yaml");
        let mut text = fs::read_to_string(&file).unwrap();
        for (partner, version) in takes {
            let entry = format!("\n  {partner}:\n");
            assert!(text.contains(&entry), "{partner}");
            text = text.replace(&entry, &format!("{entry}    versions: {{ xfamilie: \"{version}\" }}\n"));
        }
        fs::write(&file, text).unwrap();
        Stage { dir }
    }

    fn place(&self) -> Place {
        Place {
            config: self.dir.path().join("stage"),
            routes: root().join("routes"),
            xsd: self.dir.path().join("xsd"),
            data: self.dir.path().join("data"),
        }
    }

    fn fit(&self) -> Result<Fit, Unfit> {
        fit::compile(&self.place(), None)
    }

    async fn played(&self, name: &str) -> Played {
        let fit = self.fit().unwrap_or_else(|unfit| panic!("{unfit:?}"));
        let route = "auskunft-self-service";
        let file = root().join("routes/tests").join(route).join(format!("{name}.yaml"));
        let case = case::read(name, &fs::read_to_string(&file).unwrap()).unwrap();
        let xsd: PathBuf = root().join("xsd");
        let script =
            script::of(&Shelf { compiled: &fit.compiled, xsd: &xsd, case: &file }, route, &case).unwrap();
        player::alone(&fit, &script, &Troubles { times: 1, ..Troubles::default() }).await.unwrap()
    }
}

/// What the office got.
fn to_the_office(played: &Played) -> String {
    let verdict = played.verdicts.last().unwrap().as_ref().unwrap();
    assert_eq!(verdict.state, Inbound::Accepted, "{:?}", played.messages);
    let sent = played.taken.iter().find(|(_, partner, _)| partner.starts_with("jugendamt-"));
    String::from_utf8(sent.unwrap().2.body.to_vec()).unwrap()
}

#[tokio::test]
async fn a_newer_version_that_nobody_takes_breaks_nobody() {
    for more in [false, true] {
        let stage = Stage::new(more, &[]);
        // One that came as JSON is written, one that came as XML is handed on as it came.
        for case in ["klaerfall-verheiratet", "klaerfall-angabe-ehe"] {
            let got = to_the_office(&stage.played(case).await);
            assert!(got.contains("antrag.0801") && got.contains(OLD) && !got.contains(NEW), "{case}: {got}");
        }
        let fit = stage.fit().unwrap_or_else(|unfit| panic!("{unfit:?}"));
        let warned = |partner: &str| {
            fit.compiled.warnings.iter().any(|warning| {
                warning.text.contains(partner) && warning.text.contains("names no version of `xfamilie`")
            })
        };
        assert!(warned("jugendamt-bremen") && !warned("postfach"));
    }
}

#[tokio::test]
async fn each_office_gets_the_version_that_it_takes() {
    let stage = Stage::new(false, &[("jugendamt-bremen", NEW), ("jugendamt-hamburg", OLD)]);
    // The first one's mother lives in Bremen, the second one's in Hamburg.
    for (case, version) in [("klaerfall-verheiratet", NEW), ("klaerfall-angabe-ehe", OLD)] {
        let got = to_the_office(&stage.played(case).await);
        assert!(got.contains(&format!("version=\"{version}\"")), "{case}: {got}");
    }
    // A request in the older version is written anew for an office that takes the newer one.
    let stage = Stage::new(false, &[("jugendamt-hamburg", NEW)]);
    let got = to_the_office(&stage.played("klaerfall-angabe-ehe").await);
    assert!(got.contains(&format!("version=\"{NEW}\"")) && !got.contains(OLD), "{got}");
}

#[test]
fn what_a_partner_would_get_is_tried_before_it_is_applied() {
    let faults = |stage: &Stage| match stage.fit() {
        Err(Unfit::Files(faults)) => faults.faults.into_iter().map(|fault| fault.text).collect::<Vec<_>>(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => Vec::new(),
    };
    let of = faults(&Stage::new(true, &[("jugendamt-bremen", NEW)]));
    assert!(
        of.iter()
            .any(|text| text.contains("cannot be written in 1.4.0") && text.contains("jugendamt-bremen")),
        "{of:#?}"
    );
    assert!(of.iter().all(|text| !text.contains("jugendamt-hamburg")), "{of:#?}");
    let of = faults(&Stage::new(false, &[("jugendamt-bremen", "1.5.0")]));
    assert!(of.iter().any(|text| text.contains("xfamilie 1.5.0 is not loaded")), "{of:#?}");
    assert!(faults(&Stage::new(false, &[("jugendamt-bremen", NEW), ("kita-portal-nord", OLD)])).is_empty());
}
