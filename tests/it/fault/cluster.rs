//! Three replicas on one PostgreSQL and one RabbitMQ of their own, while twenty clients deliver and three readers empty their mailboxes:
//! replicas are killed, frozen and told to end, the servers stop, fall and come back, and every way is cut. Counted from outside, at every far
//! end: nothing lost, nothing doubled, the order of each child kept.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use uuid::Uuid;

use crate::fault::crowd::{Clients, Doors, Emptied, REPLICAS, Reader};
use crate::fault::lab::{Lab, Wanted, rewrite, tail, wait_ready};
use crate::fault::ledger::{Count, Ledger};
use crate::fault::neighbours::Falls;
use crate::fault::proxy::{FAULTS, Proxy, Way};
use crate::fault::said::{self, OnFailure};
use crate::support::{Running, Seeded, StageDir};

const RUN: &str = "three replicas";
const CLIENTS: u64 = 20;
const READERS: usize = 3;
/// How long it may take to come to rest after the last disturbance.
const REST: Duration = Duration::from_secs(240);

/// One replica: its files, its process, and its own ways to the servers.
struct Replica {
    stage: Arc<StageDir>,
    running: Running,
    database: Proxy,
    broker: Proxy,
}

/// What happens to the house.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// kill -9, and it starts again.
    Killed(usize),
    /// It is told to end, and starts again.
    Ended(usize),
    Frozen(usize),
    /// Its way to the database, or to the broker.
    Database(usize, Way),
    Broker(usize, Way),
    /// The way to one of the services that are told.
    Service(usize, Way),
    /// The server itself.
    Server(Falls),
}

impl Act {
    /// The n-th: servers fall in turn, the rest is by lot.
    fn nth(n: u64, lots: &mut Seeded) -> Act {
        let replica = lots.below(REPLICAS as u64) as usize;
        let way = FAULTS[lots.below(FAULTS.len() as u64) as usize];
        match (n % 40, lots.below(12)) {
            (5, _) => Act::Server(Falls::BrokerDies),
            (25, _) => Act::Server(Falls::BrokerStops),
            (3 | 13 | 33, _) => Act::Server(Falls::Database(["KILL", "INT", "QUIT"][(n / 10 % 3) as usize])),
            (_, 0..3) => Act::Killed(replica),
            (_, 3) => Act::Ended(replica),
            (_, 4) => Act::Frozen(replica),
            (_, 5..8) => Act::Database(replica, way),
            (_, 8..10) => Act::Broker(replica, way),
            _ => Act::Service(lots.below(2) as usize, way),
        }
    }
}

struct Cluster {
    lab: Lab,
    replicas: Vec<Replica>,
}

impl Cluster {
    /// Three replicas of one house; `None`, said, where a server is not installed.
    async fn up() -> Option<Cluster> {
        let wanted = Wanted {
            postgres: true,
            amqp: true,
            own: Some("fault-cluster"),
            proxied: true,
            ..Wanted::default()
        };
        let lab = Lab::new(wanted).await?;
        let ways = lab.ways.as_ref().unwrap();
        let services = [0, 1].map(|index| {
            let mut address = lab.partners[index].address;
            address.set_port(ways.callbacks[index].port);
            address
        });
        let shared = (ways.database.as_ref().unwrap().port, ways.broker.as_ref().unwrap().port);
        let servers = (lab.database.as_ref().unwrap().0.port, lab.broker.as_ref().unwrap().port);
        let claims = lab.stage.data().join("store").display().to_string();
        let mut replicas = Vec::new();
        for n in 0..REPLICAS {
            let stage = match n {
                0 => lab.stage.clone(),
                _ => {
                    let stage = StageDir::new(services);
                    lab.furnish(&stage, 0).await;
                    Arc::new(stage)
                }
            };
            let (database, broker) = (Proxy::to(servers.0).await, Proxy::to(servers.1).await);
            let files = stage.stage();
            for url in ["url", "owner"] {
                let (from, to) = (format!(":{}/", shared.0), format!(":{}/", database.port));
                rewrite(&files.join("secrets").join(url), &from, &to);
            }
            let connections = files.join("connections.yaml");
            rewrite(&connections, &format!("port: {}\n", shared.1), &format!("port: {}\n", broker.port));
            rewrite(&connections, "postgres, path: store", &format!("postgres, path: \"{claims}\""));
            let mailbox = "connections:\n  postfach: { kind: mailbox, lease: 10s }\n";
            rewrite(&connections, "connections:\n", mailbox);
            let mut readers = String::new();
            for reader in 1..=READERS {
                fs::write(files.join(format!("secrets/leser-{reader}")), token(reader)).unwrap();
                readers.push_str(&format!(
                    "  leser-{reader}:\n    name: Leser {reader}\n    groups: [leser]\n    \
                     credentials: [{{ bearer: {{ file: secrets/leser-{reader} }} }}]\n    \
                     channels: {{ postfach: {{}} }}\n    answers-by: postfach\n"
                ));
            }
            rewrite(
                &files.join("partners.yaml"),
                "  kita-portal-nord:\n",
                &format!("{readers}  kita-portal-nord:\n"),
            );
            // Each reader gets everything, of each child in its order.
            rewrite(
                &stage.routes.join("registerlieferung.yaml"),
                "send:\n",
                "  - forward: original\n    as: abschrift\nsend:\n  - partner: { to: leser, message: abschrift }\n",
            );
            let mut running = stage.start(None);
            if n == 0 {
                // The tables are made once.
                wait_ready(&stage, &mut running).await;
            }
            replicas.push(Replica { stage, running, database, broker });
        }
        for replica in &mut replicas {
            wait_ready(&replica.stage, &mut replica.running).await;
        }
        Some(Cluster { lab, replicas })
    }

    /// Disturbs and mends again. A replica that nobody killed has not ended.
    async fn disturb(&mut self, act: Act, lots: &mut Seeded) {
        let short = Duration::from_millis(200 + lots.below(900));
        let ways = self.lab.ways.as_ref().unwrap();
        match act {
            Act::Killed(n) | Act::Ended(n) => {
                let replica = &mut self.replicas[n];
                match act {
                    Act::Killed(_) => replica.running.kill(),
                    _ => {
                        let ended = tokio::task::block_in_place(|| replica.running.terminate());
                        assert!(ended, "it ends by itself when asked\n{}", tail(&replica.stage.log()));
                    }
                }
                tokio::time::sleep(short).await;
                replica.running = replica.stage.start(None);
                // Mostly what comes next finds it at work, sometimes while it starts.
                if lots.below(4) > 0 {
                    wait_ready(&replica.stage, &mut replica.running).await;
                }
            }
            Act::Frozen(n) => {
                self.replicas[n].running.signal("STOP");
                // Now and then for longer than its duties and connections hold.
                let long = said::long() && lots.below(6) == 0;
                tokio::time::sleep(if long { Duration::from_secs(14) } else { short * 2 }).await;
                self.replicas[n].running.signal("CONT");
            }
            Act::Database(n, way) => cut(&self.replicas[n].database, way, short).await,
            Act::Broker(n, way) => cut(&self.replicas[n].broker, way, short).await,
            Act::Service(n, way) => cut(&ways.callbacks[n], way, short).await,
            Act::Server(falls) => {
                falls.down(&mut self.lab).await;
                tokio::time::sleep(short).await;
                falls.up(&mut self.lab).await;
            }
        }
        for (n, replica) in self.replicas.iter_mut().enumerate() {
            assert!(
                !replica.running.ended(),
                "replica {n} did not survive {act:?}\n{}",
                tail(&replica.stage.log())
            );
        }
    }
}

async fn cut(way: &Proxy, fault: Way, so_long: Duration) {
    way.set(fault);
    tokio::time::sleep(so_long).await;
    way.set(Way::Open);
}

fn token(reader: usize) -> String {
    format!("token-des-lesers-{reader}-0123456789abcdef")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_replicas_under_fire_lose_and_double_nothing_and_keep_the_order() {
    let seed = said::seed(20_261_202);
    let _said = OnFailure(RUN, seed);
    let disturbances = if said::long() { 200 } else { 12 };
    if disturbances < 200 {
        said::left_out("188 of 200 disturbances of three replicas with clients and readers");
    }
    let each = 8;
    let Some(mut cluster) = Cluster::up().await else { return };
    let http = std::array::from_fn(|n| cluster.replicas[n].stage.http);
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(8)).build().unwrap();
    let doors = Arc::new(Doors { http, client });
    let clients = Arc::new(Clients {
        doors: doors.clone(),
        courier: cluster.lab.courier.clone().unwrap(),
        queue: cluster.lab.queue.clone(),
        gate: Semaphore::new(0),
        left: AtomicU64::new((disturbances + 1) * each),
        delivered: Mutex::default(),
        told: Mutex::default(),
        by_broker: Mutex::default(),
        again: AtomicU64::new(0),
    });
    let senders: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let clients = clients.clone();
            tokio::spawn(async move { clients.drive(client, seed).await })
        })
        .collect();
    let readers: Vec<Arc<Reader>> = (1..=READERS)
        .map(|reader| {
            let (doors, token) = (doors.clone(), token(reader));
            Arc::new(Reader { doors, token, emptied: Mutex::default(), over: AtomicBool::new(false) })
        })
        .collect();
    let reading: Vec<_> = readers
        .iter()
        .zip(1..)
        .map(|(reader, nth)| {
            let reader = reader.clone();
            tokio::spawn(async move { reader.run(seed ^ (nth << 32)).await })
        })
        .collect();

    let mut lots = Seeded(seed);
    let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
    for n in 0..disturbances {
        clients.gate.add_permits(each as usize);
        tokio::time::sleep(Duration::from_millis(lots.below(200))).await;
        let act = Act::nth(n, &mut lots);
        *kinds.entry(kind(act)).or_default() += 1;
        cluster.disturb(act, &mut lots).await;
    }
    // What is left, and one more for each, who finds nothing and goes.
    clients.gate.add_permits((each + CLIENTS) as usize);
    for sender in senders {
        tokio::time::timeout(REST, sender).await.expect("every sender gets its verdict").expect("a sender");
    }

    let delivered = std::mem::take(&mut *clients.delivered.lock().unwrap());
    let all: u64 = delivered.values().map(|messages| messages.len() as u64).sum();
    assert_eq!(all, (disturbances + 1) * each);
    let logs = |cluster: &Cluster| {
        cluster.replicas.iter().map(|replica| tail(&replica.stage.log())).collect::<Vec<_>>().join("\n--\n")
    };
    let began = Instant::now();
    let had = || readers.iter().map(|reader| reader.emptied.lock().unwrap().order.len() as u64);
    let told = |cluster: &Cluster| cluster.lab.partners.each_ref().map(|partner| partner.accepted() as u64);
    while had().any(|had| had < all) || told(&cluster).iter().any(|told| *told < all) {
        assert!(
            began.elapsed() < REST,
            "not at rest: of {all} readers had {:?}, services {:?}\n{}",
            had().collect::<Vec<_>>(),
            told(&cluster),
            logs(&cluster)
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let mut ledger = Ledger::default();
    let by_broker = std::mem::take(&mut *clients.by_broker.lock().unwrap());
    let known: HashMap<Uuid, String> = by_broker.iter().map(|uuid| (*uuid, uuid.to_string())).collect();
    let answers = cluster.lab.answers();
    while ledger.receipts.len() < by_broker.len() {
        assert!(began.elapsed() < REST, "{} of {} receipts", ledger.receipts.len(), by_broker.len());
        match clients.courier.take(&answers).await {
            Some((id, text)) => ledger.receipt(&known, &id, &text),
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    // Rest: what would come once more comes now.
    tokio::time::sleep(Duration::from_secs(2)).await;
    for reader in &readers {
        reader.over.store(true, Ordering::SeqCst);
    }
    for reader in reading {
        reader.await.expect("a reader");
    }
    while let Some((id, text)) = clients.courier.take(&answers).await {
        ledger.receipt(&known, &id, &text);
    }
    for replica in &mut cluster.replicas {
        let ended = tokio::task::block_in_place(|| replica.running.terminate());
        assert!(ended, "{}", tail(&replica.stage.log()));
    }

    let mut count = Count { recovered: clients.again.load(Ordering::Relaxed), ..Count::default() };
    for reader in &readers {
        emptied(&reader.emptied.lock().unwrap(), &delivered, &mut count);
    }
    let of_children = std::mem::take(&mut *clients.told.lock().unwrap());
    for partner in &cluster.lab.partners {
        let seen = partner.seen.lock().unwrap();
        count.repeated += seen.repeated;
        count.duplicated += seen.changed.len() as u64;
        count.effects += all;
        count.duplicated += (seen.accepted.len() as u64).saturating_sub(all);
        let about = |id: &Uuid| {
            let of = |webhook: &&String| seen.accepted[*webhook].contains(&id.to_string());
            seen.order.iter().position(|webhook| of(&webhook))
        };
        for (child, ids) in &of_children {
            let places: Vec<Option<usize>> = ids.iter().map(about).collect();
            count.lost += places.iter().filter(|place| place.is_none()).count() as u64;
            assert!(places.is_sorted(), "order of child {child} at a service: {places:?}");
        }
    }
    count.effects += by_broker.len() as u64;
    count.duplicated += ledger.receipts.values().map(|ids| ids.len() as u64 - 1).sum::<u64>();
    count.unexpected += ledger.receipts.keys().filter(|of| !of.ends_with("0011")).count() as u64;
    let essence = cluster.lab.essence().await;
    let lines = |start: &str| essence.iter().filter(|line| line.starts_with(start)).count() as u64;
    count.effects += delivered.len() as u64;
    assert_eq!(lines("mirror "), delivered.len() as u64, "one Registersatz for each child");
    let (sent, outbox) = (lines("outbox sent "), lines("outbox "));
    assert_eq!((sent, outbox), (outbox, all * 5 + by_broker.len() as u64), "everything is sent, once");
    let kinds: Vec<String> = kinds.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    said::line(&format!(
        "{disturbances} disturbances ({}), {CLIENTS} clients, {all} deliveries, {READERS} readers, at rest after {} s",
        kinds.join(", "),
        began.elapsed().as_secs()
    ));
    said::counted(RUN, seed, &count);
    count.clean();
}

/// What a reader has had, held against what was delivered.
fn emptied(emptied: &Emptied, delivered: &BTreeMap<u64, Vec<Uuid>>, count: &mut Count) {
    count.repeated += emptied.again;
    count.duplicated += emptied.changed;
    let mut places: HashMap<Uuid, Vec<usize>> = HashMap::new();
    let all: BTreeSet<Uuid> = delivered.values().flatten().copied().collect();
    for (place, id) in emptied.order.iter().enumerate() {
        let document = &emptied.documents[id];
        let words = document.split(|c: char| !c.is_ascii_hexdigit() && c != '-');
        let about = words.filter_map(|word| word.parse::<Uuid>().ok()).find(|word| all.contains(word));
        match about {
            Some(about) => places.entry(about).or_default().push(place),
            None => count.unexpected += 1,
        }
    }
    for (child, messages) in delivered {
        count.effects += messages.len() as u64;
        let of: Vec<Option<usize>> =
            messages.iter().map(|message| places.get(message).map(|places| places[0])).collect();
        count.lost += of.iter().filter(|place| place.is_none()).count() as u64;
        assert!(of.is_sorted(), "order of child {child} in a mailbox: {of:?}");
    }
    count.duplicated += places.values().map(|places| places.len() as u64 - 1).sum::<u64>();
}

fn kind(act: Act) -> &'static str {
    match act {
        Act::Killed(_) => "kills",
        Act::Ended(_) => "ends",
        Act::Frozen(_) => "freezes",
        Act::Database(..) => "ways to the database",
        Act::Broker(..) => "ways to the broker",
        Act::Service(..) => "ways to services",
        Act::Server(Falls::Database(_)) => "falls of the database",
        Act::Server(Falls::BrokerDies | Falls::BrokerStops) => "falls of the broker",
        Act::Server(Falls::Services) => "falls of services",
    }
}
