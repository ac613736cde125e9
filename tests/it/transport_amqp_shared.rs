//! A queue that several publish to: what strangers leave behind, and that a partner of whom nothing is taken stops no other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use drehscheibe::clock::Clock;
use drehscheibe::transport::amqp::ENTRY;
use drehscheibe::transport::port::*;
use serde_json::json;

use crate::transport_amqp::{outgoing, properties, source, until_sent};
use crate::transport_broker::{Client, USER, emptied, shared};
use crate::transport_support::{House, eventually, source_of, start};

fn by_user(entries: &[&str]) -> Arc<Admission> {
    let admitted = |user: &&str| Admitted {
        partner: format!("jugendamt-{user}"),
        credential: Credential::BrokerUser(format!("broker/{user}")),
        from: None,
        to: None,
    };
    Arc::new(Admission { entries: entries.iter().map(admitted).collect(), accounts: Vec::new() })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_strangers_is_noted_in_part_and_all_of_it_acknowledged() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    *house.admission.lock().unwrap() = by_user(&["ja-nord"]);
    let settings = broker.settings(json!({"queues": [{"binding": "in.fremde", "partner-by-user": true}]}));
    let running = source(&house, &settings);
    let client = broker.client("ja-sued").await;
    client.exists_soon("in.fremde").await;
    for n in 0..400 {
        // Of nobody, and of a user who is no partner.
        let stranger = properties(&format!("m-{n}"));
        let stranger = if n % 2 == 0 { stranger } else { stranger.with_user_id("ja-sued".into()) };
        client.publish("in.fremde", format!("<a{n}/>").as_bytes(), stranger).await;
    }
    let nord = broker.client("ja-nord").await;
    nord.publish("in.fremde", b"<nord/>", properties("m").with_user_id("ja-nord".into())).await;
    eventually(|| house.delivered().iter().any(|one| one.body == "<nord/>")).await;
    let noted = house.delivered().len() - 1;
    assert!((5..=40).contains(&noted), "{noted} were noted");
    running.end().await.unwrap();
    emptied(broker, "in.fremde").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_of_whom_nothing_is_taken_stops_no_other_on_a_queue_that_both_use() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    *house.admission.lock().unwrap() = by_user(&["ja-nord", "ja-sued"]);
    *house.busy_of.lock().unwrap() = Some("jugendamt-ja-nord".to_owned());
    let settings =
        broker.settings(json!({"queues": [{"binding": "in.beide", "partner-by-user": true, "prefetch": 8}]}));
    let around = house.around(Clock::real());
    let parts = around.parts.clone();
    let running = start(source_of(&ENTRY, "broker", &settings, &around).unwrap().unwrap());
    let (nord, sued) = (broker.client("ja-nord").await, broker.client("ja-sued").await);
    nord.exists_soon("in.beide").await;
    let publishes = async |from: &Client, user: &str, n: usize| {
        let named = properties(&format!("{user}-{n}")).with_user_id(user.into());
        from.publish("in.beide", format!("<{user}-{n}/>").as_bytes(), named).await;
    };
    for n in 0..300 {
        publishes(&nord, "ja-nord", n).await;
    }
    for n in 0..20 {
        publishes(&sued, "ja-sued", n).await;
    }
    assert_eq!(house.wait_for(20).await.len(), 20, "only the other partner's");
    let part = "deliveries of jugendamt-ja-nord in queue in.beide of broker";
    let said = parts.said().into_iter().find(|said| said.part == part).unwrap();
    assert!(said.failing.unwrap().cause.starts_with("paused by a person"));
    // Then all of them come, without a return that counts more than once, and nothing is said any more.
    *house.busy_of.lock().unwrap() = None;
    for _ in 0..12 {
        if house.delivered().len() >= 320 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let bodies: BTreeSet<Bytes> = house.delivered().into_iter().map(|envelope| envelope.body).collect();
    assert_eq!((bodies.len(), house.delivered().len()), (320, 320));
    eventually(|| parts.said().iter().all(|said| said.part != part)).await;
    running.end().await.unwrap();
    emptied(broker, "in.beide").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_order_is_kept_a_partner_s_own_deliveries_wait_in_theirs() {
    let Some(broker) = shared().await else { return };
    let house = House::new();
    *house.admission.lock().unwrap() = by_user(&["ja-nord", "ja-sued"]);
    *house.busy_of.lock().unwrap() = Some("jugendamt-ja-nord".to_owned());
    let queue = json!({"binding": "in.folge", "partner-by-user": true, "order": "single-active-consumer", "prefetch": 12});
    let around = house.around(Clock::real());
    let parts = around.parts.clone();
    let settings = broker.settings(json!({"queues": [queue]}));
    let running = start(source_of(&ENTRY, "broker", &settings, &around).unwrap().unwrap());
    let (nord, sued) = (broker.client("ja-nord").await, broker.client("ja-sued").await);
    nord.exists_soon("in.folge").await;
    for n in 0..10 {
        for (from, user) in [(&nord, "ja-nord"), (&sued, "ja-sued")] {
            let named = properties(&format!("{user}-{n}")).with_user_id(user.into());
            from.publish("in.folge", format!("<{user}-{n}/>").as_bytes(), named).await;
        }
    }
    house.wait_for(10).await;
    for n in 10..14 {
        let named = properties(&format!("ja-nord-{n}")).with_user_id("ja-nord".into());
        nord.publish("in.folge", format!("<ja-nord-{n}/>").as_bytes(), named).await;
    }
    // As many are held as are fetched ahead: nobody is told that the others go on.
    let causes = || parts.said().into_iter().filter_map(|said| said.failing).map(|failing| failing.cause);
    eventually(|| causes().any(|cause| cause.contains("stands still for all"))).await;
    *house.busy_of.lock().unwrap() = None;
    for _ in 0..12 {
        if house.delivered().len() >= 24 {
            break;
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
    let came: Vec<String> =
        house.delivered().iter().map(|one| String::from_utf8_lossy(&one.body).into_owned()).collect();
    let in_order = |user: &str, most| (0..most).map(|n| format!("<{user}-{n}/>")).collect::<Vec<_>>();
    assert_eq!(came, [in_order("ja-sued", 10), in_order("ja-nord", 14)].concat());
    running.end().await.unwrap();
    emptied(broker, "in.folge").await;
}

/// A connection is opened once: all its partners are written to by one link, which needs no registry to be found again.
#[tokio::test(flavor = "multi_thread")]
async fn all_partners_of_a_connection_are_written_to_by_one_link() {
    let Some(broker) = shared().await else { return };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, to) = (listener.local_addr().unwrap().port(), broker.port);
    let links = Arc::new(AtomicUsize::new(0));
    let counted = links.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(async move {
                let mut far = tokio::net::TcpStream::connect(("127.0.0.1", to)).await?;
                tokio::io::copy_bidirectional(&mut near, &mut far).await
            });
        }
    });
    let house = House::new();
    let around = house.around(Clock::real());
    let client = broker.client(USER).await;
    let connection = (ENTRY.open)("broker", &broker.settings(json!({ "port": port })), &around).unwrap();
    assert_eq!(links.load(Ordering::SeqCst), 0, "nobody is called before something is to be sent");
    for n in 1..=3 {
        let queue = format!("out.gemeinsam-{n}");
        client.declare(&queue, "quorum", &[]).await;
        let channel = Channel { partner: format!("ja-{n}"), settings: json!({ "routing-key": queue }) };
        let to = connection.destination(&channel, &around).unwrap().unwrap();
        until_sent(&to, &outgoing("<quittung/>")).await;
        client.take(&queue).await;
    }
    assert_eq!(links.load(Ordering::SeqCst), 1);
}
