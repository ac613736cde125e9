//! What is kept of a change of persons: of one that concerns somebody its original, of any other one hash, size and moment and nothing
//! else, and its sender cannot tell the two apart.

use drehscheibe::store::desk::Filter;
use drehscheibe::store::stamp::Scope;
use uuid::Uuid;

use super::rig::stop;
use super::stand::Demo;
use crate::support::root;

const SAMPLES: &str = "xsd/drehscheibe-json/1/samples";

fn sample(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

async fn original(demo: &Demo, (mandant, id): (&str, Uuid)) -> Option<bytes::Bytes> {
    let store = &demo.engine.core.store;
    let scope = Scope::Mandant(mandant.to_owned());
    let kept = store.original(&scope, id, "os:rita", "Probe", demo.clock.now()).await.unwrap();
    kept.map(|kept| kept.body)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_what_concerns_nobody_only_hash_and_moment_are_kept() {
    let demo = Demo::new().await;
    let registersatz = sample("xsd/xfamilie/1.3.0/samples/0804-keine-eintragung.xml");
    demo.take("/v1/lieferungen", "jugendamt-bremen", registersatz).await;
    let (concerned, stranger) = ("personenaenderung-umzug.json", "personenaenderung-fremde.json");
    let mut ids = Vec::new();
    for name in [concerned, stranger] {
        let body = sample(&format!("{SAMPLES}/{name}"));
        ids.push(demo.take("/v1/personenaenderungen", "meldebehoerde-bremen", body).await);
    }
    let [concerned_id, stranger_id] = ids[..] else { panic!() };
    let filter = Filter { limit: 100, ..Filter::default() };
    let listed = demo.engine.core.store.list(&Scope::Operator, filter).await.unwrap();
    let of = |id: Uuid| listed.iter().find(|one| one.id == id).unwrap();
    let whole = sample(&format!("{SAMPLES}/{concerned}"));
    assert_eq!(original(&demo, (&of(concerned_id).mandant, concerned_id)).await, Some(whole.into()));
    assert_eq!(original(&demo, (&of(stranger_id).mandant, stranger_id)).await, None);
    let octets = sample(&format!("{SAMPLES}/{stranger}"));
    assert_eq!(of(stranger_id).octets_sha256, drehscheibe::transport::ids::sha256_hex(octets.as_bytes()));
    assert_eq!(
        (of(stranger_id).state, &of(stranger_id).route),
        (of(concerned_id).state, &of(concerned_id).route)
    );
    stop(demo.engine).await;
}
