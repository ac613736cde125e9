//! Parts of deliveries that are handed on: sealed for the Mandant that delivered them, opened for whoever they go to.

use bytes::Bytes;
use drehscheibe::engine::ports::Ports;
use drehscheibe::envelope::{How, PartnerRef};
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
    stop(engine).await;
}
