//! The stage of the demonstration on disk: connections, partners, tables and trays as shipped, with free ports and secrets made anew.
//! Lives in a temporary folder; touches no configured stage.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use base64::Engine as _;

use crate::app::place::Place;
use crate::cli::args::Global;
use crate::cli::shipped;

const CONNECTIONS: &str = include_str!("../../deploy/stages/demo/connections.yaml");
const PARTNERS: &str = include_str!("../../deploy/stages/demo/partners.yaml");
const TABLES: &[(&str, &str)] = &[
    ("aemter.yaml", include_str!("../../deploy/stages/demo/tables/aemter.yaml")),
    ("gemeinden.csv", include_str!("../../deploy/stages/demo/tables/gemeinden.csv")),
    ("ortsnamen.csv", include_str!("../../deploy/stages/demo/tables/ortsnamen.csv")),
];
/// Below the data folder: trays that the shipped connections and partners name.
const TRAYS: &[&str] = &[
    "jugendamt-bremen/in",
    "jugendamt-bremen/out",
    "jugendamt-hamburg/in",
    "jugendamt-hamburg/out",
    "familiengericht-bremen/in",
    "familiengericht-bremen/out",
    "notar-bremen/in",
    "notar-bremen/out",
    "fachverfahren-nord/out",
    "postfach/out",
];

/// The stage of the demonstration.
pub struct DemoStage {
    /// Where its files are.
    pub place: Place,
    /// Its door.
    pub http: SocketAddr,
    secrets: BTreeMap<String, String>,
}

impl DemoStage {
    /// Writes it below `scratch`, with the addresses of the two online services.
    pub fn write(scratch: &Path, global: &Global, services: [SocketAddr; 2]) -> io::Result<DemoStage> {
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let (config, data) = (scratch.join("stage"), scratch.join("data"));
        std::fs::create_dir_all(config.join("secrets"))?;
        std::fs::create_dir_all(config.join("tables"))?;
        for tray in TRAYS {
            std::fs::create_dir_all(data.join("trays").join(tray))?;
        }
        let connections = CONNECTIONS.replace("127.0.0.1:8080", &http.to_string());
        let partners = PARTNERS
            .replace("127.0.0.1:8091", &services[0].to_string())
            .replace("127.0.0.1:8092", &services[1].to_string());
        let secrets: BTreeMap<String, String> =
            [&connections, &partners].into_iter().flat_map(|text| named(text)).collect();
        std::fs::write(config.join("connections.yaml"), connections)?;
        std::fs::write(config.join("partners.yaml"), partners)?;
        for (name, text) in TABLES {
            std::fs::write(config.join("tables").join(name), text)?;
        }
        for (name, secret) in &secrets {
            std::fs::write(config.join("secrets").join(name), secret)?;
        }
        let (routes, xsd) =
            (shipped::routes(&global.routes, scratch)?, shipped::packages(&global.xsd, scratch)?);
        Ok(DemoStage { place: Place { config, routes, xsd, data }, http, secrets })
    }

    /// The token of a partner; empty for one without.
    pub fn token(&self, partner: &str) -> &str {
        self.secrets.get(&format!("{partner}.token")).map(String::as_str).unwrap_or_default()
    }

    /// A tray such as `jugendamt-bremen/out`.
    pub fn tray(&self, which: &str) -> PathBuf {
        self.place.data.join("trays").join(which)
    }

    /// How many documents in a tray contain this text.
    pub fn documents(&self, tray: &str, containing: &str) -> u64 {
        let Ok(entries) = std::fs::read_dir(self.tray(tray)) else { return 0 };
        let documents = entries.flatten().map(|entry| entry.path()).filter(|path| {
            path.extension().is_some_and(|ending| ending == "xml" || ending == "json")
                && std::fs::read_to_string(path).is_ok_and(|text| text.contains(containing))
        });
        documents.count() as u64
    }
}

/// A new secret for every one that a file of the stage names.
fn named(text: &str) -> Vec<(String, String)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    text.split("{ file: secrets/")
        .skip(1)
        .filter_map(|rest| rest.split(|c| !is_name(c)).next())
        .map(|name| {
            let secret = base64::engine::general_purpose::STANDARD.encode(random());
            let secret = if name.ends_with(".webhook") { format!("whsec_{secret}") } else { secret };
            (name.to_owned(), secret)
        })
        .collect()
}

fn random() -> [u8; 32] {
    let mut octets = [0u8; 32];
    octets[..16].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    octets[16..].copy_from_slice(uuid::Uuid::new_v4().as_bytes());
    octets
}
