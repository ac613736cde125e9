//! Parts of deliveries that are handed on: sealed for the Mandant that delivered them, opened for whoever they go to.

use bytes::Bytes;
use drehscheibe::engine::ports::Ports;
use drehscheibe::envelope::{How, Part, PartnerRef};
use drehscheibe::transport::port::Spool;

use super::rig::{Rig, fast, stop};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_that_is_handed_on_opens_for_whoever_it_goes_to() {
    let rig = Rig::new(fast(500.0)).await;
    let engine = rig.engine();
    let ports = Ports(engine.core.clone());
    let from = PartnerRef { id: "jugendamt-zweit".into(), how: How::Bearer };
    let mut writer = ports.begin(&from).await.unwrap();
    writer.write(Bytes::from_static(b"ein Nachweis")).await.unwrap();
    let part = writer.finish("nachweis", "application/pdf").await.unwrap();
    // The other Jugendamt is another Mandant, with a key of its own.
    for to in ["jugendamt-zweit", "jugendamt-bremen"] {
        let mut reader = ports.open(to, &part).await.unwrap();
        assert_eq!(reader.read().await.unwrap().as_deref(), Some(&b"ein Nachweis"[..]), "{to}");
    }
    // What a step made has no claim: it is read from its row, in pieces, also where no Mandant is known.
    let octets = Bytes::from(vec![b'%'; 150_000]);
    let made = Part::made("schreiben.pdf", "application/pdf", octets.clone(), String::new());
    let (mut reader, mut read, mut largest) = (ports.open("niemand", &made).await.unwrap(), Vec::new(), 0);
    while let Some(piece) = reader.read().await.unwrap() {
        largest = largest.max(piece.len());
        read.extend_from_slice(&piece);
    }
    assert!(read == octets && largest <= 64 * 1024, "{} octets in pieces of {largest}", read.len());
    stop(engine).await;
}
