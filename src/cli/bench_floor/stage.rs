//! The stage of a measurement on disk: deliveries and receipts by the broker, the store on PostgreSQL, one route.
//! Speaks of nobody who lives; lies in a temporary folder and touches no configured stage.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use lapin::uri::AMQPUri;

/// The names of the queues of a measurement.
#[derive(Clone, Debug)]
pub struct Queues {
    /// Where deliveries wait.
    pub inlet: String,
    /// Where receipts arrive.
    pub outlet: String,
    /// Where they go while the partner is down: a queue that takes nothing.
    pub closed: String,
    /// The exchange that leads to one of the two.
    pub exchange: String,
}

impl Queues {
    /// Queues whose names begin alike.
    pub fn named(prefix: &str) -> Queues {
        let name = |which: &str| format!("{prefix}.{which}");
        Queues { inlet: name("ein"), outlet: name("aus"), closed: name("zu"), exchange: name("quittungen") }
    }
}

/// The stage.
pub struct Stage {
    folder: PathBuf,
    xsd: PathBuf,
}

const TABLES: &[(&str, &str)] = &[
    ("aemter.yaml", include_str!("../../../deploy/stages/demo/tables/aemter.yaml")),
    ("gemeinden.csv", include_str!("../../../deploy/stages/demo/tables/gemeinden.csv")),
    ("ortsnamen.csv", include_str!("../../../deploy/stages/demo/tables/ortsnamen.csv")),
];

const PARTNERS: &str = r#"platform:
  praefix: jga
  kennung: "040110000000"
  name: Sorgeregister-Plattform (Messung)
  erreichbarkeit:
    - { kanal: "01", kennung: plattform@sorgeregister.example }
  anschrift:
    strasse: Beispielweg
    hausnummer: "1"
    postleitzahl: "28195"
    wohnort: Bremen
partners:
  jugendamt-bremen:
    name: Amt für Soziale Dienste Bremen (Messung)
    mandant: jugendamt-bremen
    groups: [jugendaemter]
    identities: ["jga:040110000000"]
    channels: { broker: { exchange: EXCHANGE, routing-key: OUTLET } }
    answers-by: broker
"#;

const ROUTE: &str = "route: registerlieferung
about: A Jugendamt delivers Registersätze by the broker and gets its receipts there.
on: [ { amqp: lieferungen } ]
accept:
  - { message: [xfamilie.0804], from: jugendaemter }
order-by: child
do:
  - authorise: { area: register }
  - mirror: {}
send:
  - receipt: {}
";

impl Stage {
    /// Writes it below `folder`.
    pub fn write(
        folder: &Path,
        xsd: &Path,
        broker: &AMQPUri,
        queues: &Queues,
        prefetch: u16,
    ) -> std::io::Result<Stage> {
        let config = folder.join("stage");
        for inner in ["secrets", "tables"] {
            std::fs::create_dir_all(config.join(inner))?;
        }
        std::fs::create_dir_all(folder.join("routes"))?;
        std::fs::create_dir_all(folder.join("data"))?;
        std::fs::write(config.join("connections.yaml"), connections(broker, queues, prefetch))?;
        std::fs::write(config.join("partners.yaml"), partners(queues))?;
        std::fs::write(folder.join("routes/registerlieferung.yaml"), ROUTE)?;
        for (name, text) in TABLES {
            std::fs::write(config.join("tables").join(name), text)?;
        }
        std::fs::write(config.join("secrets/store.key"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")?;
        std::fs::write(config.join("secrets/broker"), &broker.authority.userinfo.password)?;
        Ok(Stage { folder: folder.to_owned(), xsd: xsd.to_owned() })
    }

    /// Lets the store lie in a database, by the URLs of the running program and of the owner. Each is a copy of one that a program wrote in before:
    /// what that one noted of it beside the store is not true of the copy, which would be a database that was put back.
    pub fn point_at(&self, program: &str, owner: &str) -> std::io::Result<()> {
        let secrets = self.folder.join("stage/secrets");
        if std::fs::read(secrets.join("url")).is_ok_and(|before| before != program.as_bytes()) {
            match std::fs::remove_dir_all(self.folder.join("data/store/marks")) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        std::fs::write(secrets.join("url"), program)?;
        std::fs::write(secrets.join("owner"), owner)
    }

    /// The arguments by which a command finds it.
    pub fn arguments(&self) -> Vec<OsString> {
        let below = |name: &str| self.folder.join(name).into_os_string();
        vec![
            "--config".into(),
            below("stage"),
            "--routes".into(),
            below("routes"),
            "--xsd".into(),
            self.xsd.clone().into_os_string(),
            "--data".into(),
            below("data"),
        ]
    }

    /// The folder of the packages of the standards.
    pub fn xsd(&self) -> &Path {
        &self.xsd
    }
}

/// The connection as settings of the transport, so that the queue is the very one that the adapter declares.
pub fn broker_settings(broker: &AMQPUri, queues: &Queues, prefetch: u16) -> serde_json::Value {
    serde_json::json!({
        "host": broker.authority.host,
        "port": broker.authority.port,
        "vhost": broker.vhost,
        "user": broker.authority.userinfo.username,
        "password": broker.authority.userinfo.password,
        "topology": "declare",
        "width": WIDTH,
        "confirm-window": WINDOW,
        "queues": [{
            "binding": "lieferungen", "queue": queues.inlet, "partner": "jugendamt-bremen", "prefetch": prefetch,
        }],
    })
}

/// Messages to the partner that may be under way at once.
pub const WIDTH: usize = 64;
/// Messages that may be unconfirmed at once; the floor publishes with the same.
pub const WINDOW: usize = 64;

fn partners(queues: &Queues) -> String {
    PARTNERS.replace("OUTLET", &queues.outlet).replace("EXCHANGE", &queues.exchange)
}

fn connections(broker: &AMQPUri, queues: &Queues, prefetch: u16) -> String {
    let mut written = broker_settings(broker, queues, prefetch);
    written["kind"] = "amqp".into();
    written["password"] = serde_json::json!({ "file": "secrets/broker" });
    // A partner that was down is soon asked again, or its backlog would be measured by the pauses.
    written["retry"] =
        serde_json::json!({ "first": "1s", "longest": "2s", "breaker-after": 5, "breaker-open": "2s" });
    // JSON is YAML.
    format!(
        "stage: test\nmandant: sorgeregister-plattform\n\
         store: {{ kind: postgres, path: store, url: {{ file: secrets/url }}, owner: {{ file: secrets/owner }} }}\n\
         key: {{ file: secrets/store.key }}\ntelemetry: {{ log: warn }}\nconnections:\n  broker: {written}\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::fit;
    use crate::app::place::Place;
    use crate::transport::amqp::ENTRY;

    #[test]
    fn the_stage_of_a_measurement_compiles() {
        let folder = tempfile::tempdir().unwrap();
        let broker: AMQPUri = "amqp://guest:guest@127.0.0.1:5672/%2f".parse().unwrap();
        let queues = Queues::named("messung");
        assert_eq!((ENTRY.check)(&broker_settings(&broker, &queues, 300)), []);
        let xsd = Path::new(env!("CARGO_MANIFEST_DIR")).join("xsd");
        let stage = Stage::write(folder.path(), &xsd, &broker, &queues, 300).unwrap();
        stage.point_at("postgresql://p@127.0.0.1/x", "postgresql://o@127.0.0.1/x").unwrap();
        let below = |name: &str| folder.path().join(name);
        let place = Place { config: below("stage"), routes: below("routes"), xsd, data: below("data") };
        let fit = fit::compile(&place, None);
        let fit = fit.unwrap_or_else(|unfit| match unfit {
            fit::Unfit::Files(faults) => panic!("{faults}"),
            other => panic!("{other}"),
        });
        assert_eq!(fit.compiled.plans.len(), 1);
    }
}
