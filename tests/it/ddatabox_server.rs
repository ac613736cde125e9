//! A dDataBox for tests, written from the description of DRACOON's interface v4 (`../shared/schemas/dracoon`) and sharing no code with the product: rooms,
//! folders, uploads in pieces, links with password, number and end, notices, logins that expire and are exchanged. It counts what reaches whom, refuses
//! what the description does not know, and can be told to fail at a step.

mod forms;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use forms::{content, form};

/// The room that the house writes into, and one that its users encrypt.
pub const ROOM: u64 = 10;
pub const ENCRYPTED: u64 = 11;
pub const CLIENT: (&str, &str) = ("haus", "geheim-client");
pub const USER: (&str, &str) = ("technik", "geheim-user");

/// What a step is answered with instead.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// This status, with an error body.
    Status(u16),
    /// The same, asking to come again after so many seconds.
    After(u16, u32),
    /// A page.
    Page,
    /// Elsewhere.
    Redirect,
    /// Success with an error body.
    ErrorIn200,
    /// An answer that drips for ever.
    Drip,
    /// It is not done, and nothing is ever answered.
    Silent,
    /// It is done, and nothing is ever answered.
    DoneSilent,
    /// It is done, and answered when nobody waits for it any more.
    Late,
    /// The login is over in this moment.
    Expired,
}

#[derive(Clone, Debug)]
pub struct FarNode {
    pub id: u64,
    pub parent: u64,
    pub name: String,
    pub kind: &'static str,
    pub content: Vec<u8>,
    pub classification: u64,
}

#[derive(Clone, Debug)]
pub struct FarShare {
    pub id: u64,
    pub node: u64,
    pub name: String,
    pub key: String,
    pub password: String,
    pub ends: Option<Timestamp>,
    pub most: u64,
    pub downloads: u64,
    pub notes: String,
}

struct Going {
    parent: u64,
    name: String,
    size: u64,
    content: Vec<u8>,
    classification: u64,
    token: String,
}

/// Everything that it knows.
#[derive(Default)]
pub struct World {
    next: u64,
    pub nodes: BTreeMap<u64, FarNode>,
    pub shares: BTreeMap<u64, FarShare>,
    going: BTreeMap<String, Going>,
    tokens: Vec<String>,
    pub refresh: Option<String>,
    /// Notices: the link and to whom.
    pub mails: Vec<(u64, String, String)>,
    /// Passwords that went to a number.
    pub texts: Vec<(String, String)>,
    /// Every step that was asked for, in order.
    pub steps: Vec<&'static str>,
    /// What was asked for as it came: address, headers, body.
    pub seen: Vec<String>,
    pub faults: VecDeque<(&'static str, Fault)>,
    /// How a step fails each time.
    pub always: Option<(&'static str, Fault)>,
    /// The step, counted from 1, at which whoever waits is told; with whether it is done before.
    pub stop_at: Option<(usize, bool)>,
}

pub struct Far {
    pub world: Mutex<World>,
    pub address: SocketAddr,
    pub now: Mutex<Option<Timestamp>>,
    /// Told when the step was reached.
    pub stopped: Notify,
}

impl Far {
    /// Starts one on a free port.
    pub async fn start() -> Arc<Far> {
        Far::start_at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts one there.
    pub async fn start_at(address: SocketAddr) -> Arc<Far> {
        let listener = tokio::net::TcpListener::bind(address).await.unwrap();
        let mut world = World { next: 100, refresh: Some("erneuern-0".to_owned()), ..World::default() };
        for (id, name) in [(ROOM, "Haus"), (ENCRYPTED, "Verschlossen")] {
            let (kind, content) = ("room", Vec::new());
            let node = FarNode { id, parent: 0, name: name.to_owned(), kind, content, classification: 2 };
            world.nodes.insert(id, node);
        }
        let far = Arc::new(Far {
            world: Mutex::new(world),
            address: listener.local_addr().unwrap(),
            now: Mutex::default(),
            stopped: Notify::new(),
        });
        let app = Router::new().fallback(answer).with_state(far.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        far
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next time that this step is asked for it fails so.
    pub fn fail(&self, step: &'static str, fault: Fault) {
        self.world.lock().unwrap().faults.push_back((step, fault));
    }

    /// What lies there, by name of its folder and its own.
    pub fn files(&self) -> Vec<(String, String, usize)> {
        let world = self.world.lock().unwrap();
        let files = world.nodes.values().filter(|node| node.kind == "file");
        files
            .map(|file| (world.nodes[&file.parent].name.clone(), file.name.clone(), file.content.len()))
            .collect()
    }

    /// What the receiver gets who uses the only link that she was told of, with the password that she was told.
    pub fn collect(&self) -> Option<Vec<u8>> {
        let mut world = self.world.lock().unwrap();
        let now = self.now();
        let (share, ..) = world.mails.last().cloned()?;
        let password = world.texts.last().map(|(_, password)| password.clone())?;
        let link = world.shares.get_mut(&share)?;
        let open = link.password == password && link.downloads < link.most;
        if !open || link.ends.is_some_and(|ends| ends <= now) {
            return None;
        }
        link.downloads += 1;
        let node = link.node;
        world.nodes.get(&node).map(|node| node.content.clone())
    }

    fn now(&self) -> Timestamp {
        self.now.lock().unwrap().unwrap_or_else(Timestamp::now)
    }
}

fn said(status: u16, value: &Value) -> Response {
    Response::builder()
        .status(status)
        .header("content-type", "application/json;charset=UTF-8")
        .body(Body::from(value.to_string()))
        .unwrap()
}

fn no(status: u16, message: &str) -> Response {
    said(status, &json!({ "code": status, "message": message, "debugInfo": message, "errorCode": -10_000 }))
}

fn empty(status: u16) -> Response {
    Response::builder().status(status).body(Body::empty()).unwrap()
}

/// What a step is called by which tests name it.
fn step(method: &Method, parts: &[&str]) -> &'static str {
    match (method.as_str(), parts) {
        ("POST", ["oauth", "token"]) => "token",
        (_, ["api", "v4", rest @ ..]) => match (method.as_str(), rest) {
            ("GET", ["nodes"]) => "find",
            ("GET", ["nodes", _]) => "room",
            ("DELETE", ["nodes", _]) => "remove",
            ("POST", ["nodes", "folders"]) => "folder",
            ("POST", ["nodes", "files", "uploads"]) => "begin",
            ("POST", ["uploads", _]) => "piece",
            ("PUT", ["uploads", _] | ["nodes", "files", "uploads", _]) => "complete",
            ("DELETE", ["uploads", _] | ["nodes", "files", "uploads", _]) => "drop",
            ("GET", ["shares", "downloads"]) => "shares",
            ("POST", ["shares", "downloads"]) => "share",
            ("GET", ["shares", "downloads", _]) => "look",
            ("PUT", ["shares", "downloads", _]) => "change",
            ("DELETE", ["shares", "downloads", _]) => "delete",
            ("POST", ["shares", "downloads", _, "email"]) => "mail",
            ("GET", ["user", "ping"]) => "ping",
            _ => "unknown",
        },
        _ => "unknown",
    }
}

async fn answer(State(far): State<Arc<Far>>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 64 << 20).await.unwrap_or_default();
    let path = head.uri.path().to_owned();
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let step = step(&head.method, &parts);
    let query = form(head.uri.query().unwrap_or_default());
    let (fault, stop) = {
        let mut world = far.world.lock().unwrap();
        world.steps.push(step);
        let beside = format!("{} {} {:?} ", head.method, head.uri, head.headers);
        world.seen.push(beside + &String::from_utf8_lossy(&body));
        let mine = world.faults.iter().position(|(of, _)| *of == step);
        let fault =
            mine.and_then(|at| world.faults.remove(at)).or(world.always.filter(|(of, _)| *of == step));
        let fault = fault.map(|(_, fault)| fault);
        let at = world.steps.len();
        (fault, world.stop_at.filter(|(stop, _)| *stop == at).map(|(_, done)| done))
    };
    let act = || act(&far, (step, &parts), (&head.method, &head.headers), &query, &body);
    if let Some(done) = stop {
        if done {
            act();
        }
        far.stopped.notify_one();
        std::future::pending::<()>().await;
    }
    match fault {
        None => act(),
        Some(Fault::Status(status)) => no(status, "so gewollt"),
        Some(Fault::After(status, seconds)) => {
            let mut reply = no(status, "so gewollt");
            reply.headers_mut().insert("retry-after", seconds.into());
            reply
        }
        Some(Fault::Page) => Response::builder()
            .header("content-type", "text/html")
            .body(Body::from("<html><body>Wartung</body></html>"))
            .unwrap(),
        Some(Fault::Redirect) => {
            Response::builder().status(302).header("location", "/anderswo").body(Body::empty()).unwrap()
        }
        Some(Fault::ErrorIn200) => said(200, &json!({ "code": 500, "message": "Fehler", "errorCode": -1 })),
        Some(Fault::Drip) => {
            let drops = futures_util::stream::unfold((), |()| async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                Some((Ok::<_, std::convert::Infallible>(Bytes::from_static(b" ")), ()))
            });
            Response::builder()
                .header("content-type", "application/json")
                .body(Body::from_stream(drops))
                .unwrap()
        }
        Some(Fault::Silent) => std::future::pending().await,
        Some(Fault::DoneSilent) => {
            act();
            std::future::pending().await
        }
        Some(Fault::Late) => {
            let late = act();
            tokio::time::sleep(Duration::from_secs(3)).await;
            late
        }
        Some(Fault::Expired) => {
            far.world.lock().unwrap().tokens.clear();
            act()
        }
    }
}

/// Members that a request may have, by the description, and those that it must have.
#[rustfmt::skip]
const BODIES: &[(&str, &[&str], &[&str])] = &[
    ("folder", &["name", "parentId"], &["notes", "classification", "timestampCreation", "timestampModification"]),
    ("begin", &["name", "parentId"], &[
        "size", "classification", "directS3Upload", "expiration", "notes", "timestampCreation", "timestampModification",
    ]),
    ("complete", &[], &["fileKey", "fileName", "keepShareLinks", "resolutionStrategy", "userFileKeyList"]),
    ("share", &["nodeId"], &[
        "expiration", "fileKey", "internalNotes", "keyPair", "maxDownloads", "name", "notes", "password",
        "receiverLanguage", "showCreatorName", "showCreatorUsername", "textMessageRecipients",
    ]),
    ("change", &[], &[
        "defaultCountry", "expiration", "internalNotes", "maxDownloads", "name", "notes", "password", "receiverLanguage",
        "resetMaxDownloads", "resetPassword", "showCreatorName", "showCreatorUsername", "textMessageRecipients",
    ]),
    ("mail", &["body", "recipients"], &["receiverLanguage"]),
];

/// Who has done it, as it is said of everything.
fn by() -> Value {
    json!({
        "id": 3, "userType": "internal", "avatarUuid": "a", "userName": "technik", "firstName": "T", "lastName": "U",
        "email": "t@haus.example",
    })
}

fn node_json(node: &FarNode) -> Value {
    let by = by();
    json!({
        "id": node.id, "referenceId": node.id, "type": node.kind, "name": node.name, "parentId": node.parent,
        "parentPath": "/", "size": node.content.len(), "classification": node.classification,
        "isEncrypted": node.parent == ENCRYPTED || node.id == ENCRYPTED, "createdAt": "2026-11-21T10:00:00.000Z",
        "createdBy": by, "updatedAt": "2026-11-21T10:00:00.000Z", "updatedBy": by,
        "timestampCreation": "2026-11-21T10:00:00.000Z", "timestampModification": "2026-11-21T10:00:00.000Z",
    })
}

fn share_json(share: &FarShare) -> Value {
    json!({
        "id": share.id, "name": share.name, "nodeId": share.node, "accessKey": share.key,
        "cntDownloads": share.downloads, "createdAt": "2026-11-21T10:00:00.000Z", "createdBy": by(),
        "isProtected": !share.password.is_empty(), "expireAt": share.ends.map(|ends| ends.to_string()),
        "maxDownloads": share.most, "internalNotes": share.notes, "nodeType": "file",
    })
}

fn list(items: Vec<Value>) -> Response {
    let total = items.len();
    said(200, &json!({ "range": { "offset": 0, "limit": 500, "total": total }, "items": items }))
}

/// Names by the rules of the description.
fn fit(name: &str) -> bool {
    !name.is_empty()
        && name.chars().count() <= 150
        && !name.contains(['\\', '<', '>', ':', '"', '|', '?', '*', '/'])
}

fn act(
    far: &Far,
    (step, parts): (&str, &[&str]),
    (method, headers): (&Method, &HeaderMap),
    query: &BTreeMap<String, String>,
    body: &Bytes,
) -> Response {
    let now = far.now();
    let mut world = far.world.lock().unwrap();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if step == "token" {
        return token(&mut world, header("authorization"), &form(&String::from_utf8_lossy(body)));
    }
    let bearer = header("authorization").strip_prefix("Bearer ").unwrap_or_default();
    // Pieces are known by the token in their address.
    let by_address = parts.get(2) == Some(&"uploads");
    if !by_address && !world.tokens.iter().any(|token| token == bearer) {
        return no(401, "Unauthorized");
    }
    let last = *parts.last().unwrap_or(&"");
    let id: u64 = parts.iter().rev().find_map(|part| part.parse().ok()).unwrap_or_default();
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    if let Some((_, must, may)) = BODIES.iter().find(|(of, ..)| *of == step) {
        let Some(members) = json.as_object() else { return no(400, "no object") };
        let odd = members.keys().find(|key| !must.contains(&key.as_str()) && !may.contains(&key.as_str()));
        if let Some(odd) = odd {
            return no(400, &format!("unknown member {odd}"));
        }
        if !must.iter().all(|key| members.contains_key(*key)) {
            return no(400, "a member is missing");
        }
        if !header("content-type").starts_with("application/json") {
            return no(415, "no json");
        }
    }
    world.next += 1;
    let fresh = world.next;
    let text = |key: &str| json.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let number = |key: &str| json.get(key).and_then(Value::as_u64);
    match step {
        "ping" => empty(200),
        "room" => world.nodes.get(&id).map_or_else(|| no(404, "no node"), |node| said(200, &node_json(node))),
        "find" => {
            let parent: u64 = query.get("parent_id").and_then(|id| id.parse().ok()).unwrap_or_default();
            let filter = query.get("filter").cloned().unwrap_or_default();
            let name = filter.strip_prefix("name:eq:");
            let of = |node: &&FarNode| node.parent == parent && name.is_none_or(|name| node.name == name);
            list(world.nodes.values().filter(of).map(node_json).collect())
        }
        "folder" => {
            let (parent, name) = (number("parentId").unwrap_or_default(), text("name"));
            if !world.nodes.contains_key(&parent) {
                return no(404, "no parent");
            }
            if !fit(&name) {
                return no(400, "name");
            }
            if world.nodes.values().any(|node| node.parent == parent && node.name == name) {
                return no(409, "name is taken");
            }
            let node =
                FarNode { id: fresh, parent, name, kind: "folder", content: vec![], classification: 2 };
            world.nodes.insert(fresh, node.clone());
            said(201, &node_json(&node))
        }
        "begin" => {
            let (parent, name) = (number("parentId").unwrap_or_default(), text("name"));
            if !world.nodes.contains_key(&parent) {
                return no(404, "no parent");
            }
            if !fit(&name) || !(1..=4).contains(&number("classification").unwrap_or(2)) {
                return no(400, "name or classification");
            }
            let (upload, token) = (format!("kanal-{fresh}"), format!("marke-{fresh}"));
            let going = Going {
                parent,
                name,
                size: number("size").unwrap_or_default(),
                content: vec![],
                classification: number("classification").unwrap_or(2),
                token: token.clone(),
            };
            world.going.insert(upload.clone(), going);
            let url = format!("{}/api/v4/uploads/{token}", far.url());
            said(201, &json!({ "uploadId": upload, "token": token, "uploadUrl": url }))
        }
        "piece" => {
            let Some(going) = world.going.values_mut().find(|going| going.token == last) else {
                return no(404, "no upload");
            };
            let octets = content(header("content-type"), body);
            if let Some(range) = header("content-range").strip_prefix("bytes ") {
                let (from, rest) = range.split_once('-').unwrap_or_default();
                let (until, total) = rest.split_once('/').unwrap_or_default();
                let read = |text: &str| text.parse::<u64>().unwrap_or(u64::MAX);
                let fits = read(from) == going.content.len() as u64
                    && read(until) == read(from) + octets.len() as u64 - 1
                    && read(total) == going.size;
                if !fits {
                    return no(400, "range");
                }
            }
            going.content.extend_from_slice(&octets);
            said(201, &json!({ "size": going.content.len(), "hash": "0" }))
        }
        "complete" => {
            let Some(upload) = upload_of(&world, last) else { return no(404, "no upload") };
            let going = &world.going[&upload];
            if going.size != 0 && going.content.len() as u64 != going.size {
                return no(400, "not whole");
            }
            let name = Some(text("fileName")).filter(|name| !name.is_empty()).unwrap_or(going.name.clone());
            let parent = going.parent;
            if world.nodes.values().any(|node| node.parent == parent && node.name == name) {
                return match text("resolutionStrategy").as_str() {
                    "fail" => no(409, "name is taken"),
                    _ => no(400, "only fail is played here"),
                };
            }
            let Some(going) = world.going.remove(&upload) else { return no(404, "no upload") };
            let (content, classification) = (going.content, going.classification);
            let node = FarNode { id: fresh, parent, name, kind: "file", content, classification };
            world.nodes.insert(fresh, node.clone());
            said(201, &node_json(&node))
        }
        "drop" => match upload_of(&world, last) {
            Some(upload) => {
                world.going.remove(&upload);
                empty(204)
            }
            None => no(404, "no upload"),
        },
        "remove" => {
            world.shares.retain(|_, share| share.node != id);
            world.nodes.remove(&id).map_or_else(|| no(404, "no node"), |_| empty(204))
        }
        "shares" => {
            let filter = query.get("filter").cloned().unwrap_or_default();
            let node = filter.strip_prefix("nodeId:eq:").and_then(|id| id.parse::<u64>().ok());
            let of = |share: &&FarShare| node.is_none_or(|node| share.node == node);
            list(world.shares.values().filter(of).map(share_json).collect())
        }
        "share" => {
            let Some(node) = number("nodeId").filter(|node| world.nodes.contains_key(node)) else {
                return no(404, "no node");
            };
            let ends = json.pointer("/expiration/expireAt").and_then(Value::as_str);
            let ends: Option<Timestamp> = ends.and_then(|ends| ends.parse().ok());
            if ends.is_some_and(|ends| ends <= now) || text("internalNotes").len() > 255 {
                return no(400, "expiration or notes");
            }
            let name = Some(text("name")).filter(|name| !name.is_empty());
            let share = FarShare {
                id: fresh,
                node,
                name: name.unwrap_or_else(|| world.nodes[&node].name.clone()),
                key: format!("schluessel-{fresh}"),
                password: text("password"),
                ends,
                most: number("maxDownloads").unwrap_or(u64::MAX),
                downloads: 0,
                notes: text("internalNotes"),
            };
            for number in json["textMessageRecipients"].as_array().into_iter().flatten() {
                let number = number.as_str().unwrap_or_default().to_owned();
                world.texts.push((number, share.password.clone()));
            }
            world.shares.insert(fresh, share.clone());
            said(201, &share_json(&share))
        }
        "look" => {
            world.shares.get(&id).map_or_else(|| no(404, "no share"), |share| said(200, &share_json(share)))
        }
        "change" => {
            let Some(share) = world.shares.get_mut(&id) else { return no(404, "no share") };
            if json.get("internalNotes").is_some() {
                share.notes = text("internalNotes");
            }
            if json.get("password").is_some() {
                share.password = text("password");
            }
            said(200, &share_json(share))
        }
        "delete" => world.shares.remove(&id).map_or_else(|| no(404, "no share"), |_| empty(204)),
        "mail" => {
            if !world.shares.contains_key(&id) {
                return no(404, "no share");
            }
            let to: Vec<&str> =
                json["recipients"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            if to.is_empty() || to.iter().any(|to| !to.contains('@')) {
                return no(400, "recipients");
            }
            for to in to {
                world.mails.push((id, to.to_owned(), text("body")));
            }
            empty(204)
        }
        _ => no(404, &format!("{method} is not played here")),
    }
}

fn upload_of(world: &World, named: &str) -> Option<String> {
    let found = world.going.iter().find(|(id, going)| *id == named || going.token == named);
    found.map(|(id, _)| id.clone())
}

fn token(world: &mut World, basic: &str, pairs: &BTreeMap<String, String>) -> Response {
    let of = |key: &str| pairs.get(key).map_or("", String::as_str);
    let client = STANDARD.encode(format!("{}:{}", CLIENT.0, CLIENT.1));
    let known = basic.strip_prefix("Basic ") == Some(client.as_str())
        || (of("client_id"), of("client_secret")) == CLIENT;
    if !known {
        return said(401, &json!({ "error": "invalid_client" }));
    }
    let holds = match of("grant_type") {
        "password" => (of("username"), of("password")) == USER,
        // Each can be used once.
        "refresh_token" => world.refresh.as_deref() == Some(of("refresh_token")),
        _ => false,
    };
    if !holds {
        return said(400, &json!({ "error": "invalid_grant" }));
    }
    world.next += 1;
    let (token, refresh) = (format!("zugang-{}", world.next), format!("erneuern-{}", world.next));
    world.tokens.push(token.clone());
    world.refresh = Some(refresh.clone());
    said(
        200,
        &json!({ "access_token": token, "refresh_token": refresh, "token_type": "bearer", "expires_in": 28_800, "scope": "all" }),
    )
}
