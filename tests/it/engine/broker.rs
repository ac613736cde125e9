//! A broker before the real engine and store: a line that is cut between commit and acknowledgement, and a message that
//! cannot be opened, each with one effect.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use drehscheibe::cli::sample::{Wish, eintragung};
use drehscheibe::clock::Clock;
use drehscheibe::envelope::{Envelope, Inbound, Verdict};
use drehscheibe::plan::{Binding, Plan};
use drehscheibe::rejection::Rejection;
use drehscheibe::transport::amqp::ENTRY;
use drehscheibe::transport::port::{Answers, Busy, Intake};
use lapin::BasicProperties;
use serde_json::json;

use super::rig::{Rig, stop};
use crate::transport_broker::{Proxy, USER, emptied, shared};
use crate::transport_support::{House, eventually, source_of, start};

/// The engine's door; cuts the line right after the first commit, before the source can acknowledge.
struct Cutting {
    inner: Arc<dyn Intake>,
    proxy: Proxy,
    verdicts: std::sync::Mutex<Vec<Verdict>>,
    left: AtomicU32,
}

impl Cutting {
    fn note(&self, verdict: &Verdict) {
        self.verdicts.lock().unwrap().push(verdict.clone());
        if self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            self.proxy.cut();
        }
    }
}

#[async_trait]
impl Intake for Cutting {
    async fn deliver(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        let verdict = self.inner.deliver(envelope).await?;
        self.note(&verdict);
        // The cut reaches the source before the verdict does.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        Ok(verdict)
    }

    async fn set_apart(&self, envelope: Envelope, cause: &'static str) -> Result<Verdict, Busy> {
        let verdict = self.inner.set_apart(envelope, cause).await?;
        self.note(&verdict);
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        Ok(verdict)
    }

    async fn keep_raw(&self, envelope: Envelope) -> Result<Verdict, Busy> {
        self.inner.keep_raw(envelope).await
    }

    async fn refuse(&self, envelope: Envelope, fault: Rejection) -> Result<Verdict, Busy> {
        self.inner.refuse(envelope, fault).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_cut_between_commit_and_acknowledgement_has_one_effect() {
    let Some(broker) = shared().await else { return };
    let mut rig = Rig::new(Clock::real()).await;
    let plan = rig.plan("registerlieferung");
    let mut bindings: Vec<Binding> = plan.bindings.clone();
    let by_queue =
        Binding { key: "amqp in.register".to_owned(), answers: Answers::ByMessage, ..bindings[0].clone() };
    bindings.push(by_queue);
    rig.replace(Plan { bindings, ..plan });
    let engine = rig.engine();
    let proxy = Proxy::new(broker.port).await;
    let mut settings = broker.settings(json!({
        "max-body": 65536,
        "queues": [{"binding": "in.register", "partner": "jugendamt-bremen"}]
    }));
    settings["port"] = json!(proxy.port);
    let cutting = Arc::new(Cutting {
        inner: engine.reception.clone(),
        proxy,
        verdicts: Default::default(),
        left: AtomicU32::new(2),
    });
    let mut around = House::new().around(Clock::real());
    around.intake = cutting.clone();
    let source = start(source_of(&ENTRY, "broker", &settings, &around).unwrap().unwrap());
    let client = broker.client(USER).await;
    client.exists_soon("in.register").await;
    let properties = |id: &str| {
        BasicProperties::default().with_message_id(id.into()).with_content_type("application/xml".into())
    };
    let seen = || cutting.verdicts.lock().unwrap().clone();
    let wish = Wish::plain(1);
    client.publish("in.register", eintragung(&wish).as_bytes(), properties("m-1")).await;
    eventually(|| seen().len() >= 2).await;
    let (first, second) = (seen()[0].clone(), seen()[1].clone());
    assert_eq!((first.state, first.again), (Inbound::Accepted, false));
    assert_eq!((second.state, second.again, second.id), (Inbound::Accepted, true, first.id));
    // The same with a message that is too large: quarantined once, by hash and size.
    client.publish("in.register", &vec![b'x'; 70_000], properties("m-2")).await;
    eventually(|| seen().iter().filter(|verdict| verdict.state == Inbound::Quarantined).count() >= 1).await;
    client.publish("in.register", &vec![b'x'; 70_000], properties("m-2")).await;
    eventually(|| seen().iter().any(|verdict| verdict.state == Inbound::Quarantined && verdict.again)).await;
    // Other octets under the same id are a conflict, kept apart by themselves.
    client.publish("in.register", &vec![b'y'; 70_000], properties("m-2")).await;
    eventually(|| seen().iter().any(|verdict| verdict.conflict)).await;
    source.end().await.unwrap();
    emptied(broker, "in.register").await;
    let listed = rig.listed().await;
    assert_eq!(listed.len(), 3, "{listed:?}");
    let accepted: Vec<_> = listed.iter().filter(|one| one.state == Inbound::Accepted).collect();
    assert_eq!(accepted.len(), 1);
    assert_eq!(rig.figures().await.mirror, 1);
    stop(engine).await;
}
