//! What a service learns that asks for its request: nothing before the fixed delay is over, then the stand of the Vorgang; of
//! all Klärfälle the same.

use std::sync::Arc;
use std::time::Duration;

use drehscheibe::app::fit;
use drehscheibe::app::place::Place;
use drehscheibe::clock::Clock;
use drehscheibe::engine::core::Settings;
use drehscheibe::engine::points::Points;
use drehscheibe::engine::ports::Ports;
use drehscheibe::engine::start::{Engine, Start};
use drehscheibe::envelope::{Envelope, Evidence, Head, How, Inbound, PartnerRef, Stage};
use drehscheibe::store::sqlite;
use drehscheibe::store::sqlite::parts::SqliteStore;
use drehscheibe::transport::ids::sha256_hex;
use drehscheibe::transport::port::Standings;
use uuid::Uuid;

use super::rig::{deliver, stop};
use crate::support::root;

const OPEN: &str = "in-bearbeitung";
const DONE: &str = "abgeschlossen";

/// An engine of the demonstration with all shipped routes, whose clock stands still.
pub(super) struct Demo {
    _folder: tempfile::TempDir,
    pub(super) clock: Clock,
    pub(super) engine: Engine,
}

impl Demo {
    pub(super) async fn new() -> Demo {
        let folder = tempfile::tempdir().unwrap();
        let place = Place {
            config: root().join("deploy/stages/demo"),
            routes: root().join("routes"),
            xsd: root().join("xsd"),
            data: folder.path().join("data"),
        };
        let fit = fit::compile(&place, None).unwrap_or_else(|unfit| panic!("{unfit:?}"));
        let set = fit.compiled.into_plan_set(Default::default(), fit.standards, Stage::Demo);
        let path = folder.path().join("store");
        std::fs::create_dir_all(&path).unwrap();
        let master = secrecy::SecretBox::new(Box::new([7u8; 32]));
        let settings = sqlite::open::Settings { path, stage: Stage::Demo, master, read_only: false };
        let store = SqliteStore::open(settings).unwrap();
        store.lock_for_run().await.unwrap();
        let clock = Clock::set("2026-11-21T16:00:00Z".parse().unwrap());
        let start = Start {
            store: Arc::new(store),
            clock: clock.clone(),
            points: Points::none(),
            set: Arc::new(set),
            settings: Settings { workers: 2, ..Settings::default() },
        };
        Demo { _folder: folder, clock, engine: Engine::start(start).unwrap() }
    }

    /// Delivers a document of the route tests that must be taken; its id.
    pub(super) async fn take(&self, binding: &str, partner: &str, body: String) -> Uuid {
        let json = body.starts_with('{');
        let head = Head {
            id: Uuid::now_v7(),
            connection: "haustuer".to_owned(),
            binding: format!("http {binding}"),
            transport_id: sha256_hex(body.as_bytes()),
            correlation: None,
            content_type: Some(if json { "application/json" } else { "application/xml" }.to_owned()),
            partner: Some(PartnerRef { id: partner.to_owned(), how: How::Memory }),
            received: self.clock.now(),
            return_address: None,
            traceparent: None,
            acting_person: None,
            label: None,
            in_band: true,
        };
        let evidence = Evidence {
            octets_sha256: sha256_hex(body.as_bytes()),
            size: body.len() as u64,
            ..Evidence::default()
        };
        let envelope = Envelope { head, evidence, body: body.into(), parts: Vec::new() };
        let verdict = deliver(&self.engine, envelope).await;
        assert_eq!(verdict.state, Inbound::Accepted, "{binding}: {:?}", verdict.codes);
        verdict.id
    }

    async fn stand(&self, partner: &str, id: Uuid) -> Option<String> {
        let partner = PartnerRef { id: partner.to_owned(), how: How::Memory };
        let ports = Ports(self.engine.core.clone());
        ports.standing(&partner, id).await.unwrap().map(|standing| {
            assert_eq!(standing.id, id);
            standing.stand.as_str().to_owned()
        })
    }

    fn passes(&self, time: Duration) {
        self.clock.move_to(self.clock.now() + time);
    }
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join("routes/tests").join(path)).unwrap()
}

/// A request under ids of its own.
fn request(path: &str, n: usize) -> String {
    let mut request: serde_json::Value = serde_json::from_str(&read(path)).unwrap();
    request["kopf"]["nachrichtenUUID"] = format!("7b2d4c10-1f3a-4e55-8b7a-00000000e{n:03}").into();
    request["transaktionsid"] = format!("7b2d4c10-1f3a-4e55-8b7a-00000000d{n:03}").into();
    request.to_string()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_stands_where_its_vorgang_stands_and_nobody_learns_it_early() {
    let demo = Demo::new().await;
    let (kita, wohngeld, bremen) = ("kita-portal-nord", "wohngeld-online", "jugendamt-bremen");
    let mut klaerfaelle = Vec::new();
    for (n, name) in
        ["bestand", "verheiratet", "geburt-im-ausland", "mutter-minderjaehrig", "ohne-zusatzangaben"]
            .iter()
            .enumerate()
    {
        let body = request(&format!("auskunft-self-service/klaerfall-{name}.json"), n);
        klaerfaelle.push(demo.take("/v1/antraege", kita, body).await);
    }
    let answered = demo.take("/v1/antraege", kita, read("antwort-jugendamt/antrag.json")).await;
    let decided =
        demo.take("/v1/antraege", kita, request("auskunft-self-service/volljaehrig.json", 90)).await;
    let other = demo.take("/v1/nachweise", wohngeld, request("auskunft-once-only/klaerfall.json", 91)).await;
    let all = |stand: &'static str| klaerfaelle.iter().map(move |id| (kita, *id, stand));
    let expect = async |moment: &str, wanted: Vec<(&str, Uuid, &str)>| {
        for (partner, id, stand) in wanted {
            assert_eq!(demo.stand(partner, id).await.as_deref(), Some(stand), "{moment}");
        }
    };
    for moment in ["at once", "a moment before"] {
        let rest = [(kita, answered, OPEN), (kita, decided, OPEN), (wohngeld, other, OPEN)];
        expect(moment, all(OPEN).chain(rest).collect()).await;
        if moment == "at once" {
            demo.passes(Duration::from_millis(59_999));
        }
    }
    demo.passes(Duration::from_millis(1));
    // Of a request for another application every outcome looks alike.
    let rest = [(kita, answered, OPEN), (kita, decided, DONE), (wohngeld, other, DONE)];
    expect("after the delay", all(OPEN).chain(rest).collect()).await;
    demo.take("/v1/antworten", bremen, read("antwort-jugendamt/antwort.xml")).await;
    expect("after the answer", all(OPEN).chain([(kita, answered, DONE)]).collect()).await;
    // Nobody learns of what another one asked, and a delivery is done when it is taken.
    assert_eq!(demo.stand(wohngeld, answered).await, None);
    assert_eq!(demo.stand(bremen, answered).await, None);
    stop(demo.engine).await;
}
