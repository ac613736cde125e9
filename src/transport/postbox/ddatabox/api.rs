//! The calls of a dDataBox that are used, by the description of DRACOON's interface v4: each asks once, again only after a login that had expired, and
//! reads of the answer no more than it needs.

use bytes::Bytes;
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_RANGE, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Url};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::link::{Link, Reply, with_json};
use super::login::Login;
use super::trouble::Trouble;

/// The interface of one dDataBox, as the house is known there.
pub struct Api {
    /// The way there.
    pub link: Link,
    /// How tokens are got.
    pub login: Login,
}

/// A room, folder or file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its number.
    pub id: u64,
    /// Its size in octets; of files.
    pub size: Option<u64>,
}

/// A link to a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// Its number.
    pub id: u64,
    /// How often it was used.
    pub downloads: u64,
    /// When it ends.
    pub ends: Option<Timestamp>,
    /// What only the house reads.
    pub notes: String,
}

/// An upload that has begun.
pub struct Upload {
    /// Its number.
    pub id: String,
    /// By which its content is sent.
    pub token: String,
}

/// What a new link is like.
pub struct NewShare<'a> {
    /// The file.
    pub node: u64,
    /// What it is called.
    pub name: &'a str,
    /// Its password.
    pub password: &'a SecretString,
    /// Where the password goes.
    pub phone: Option<&'a str>,
    /// When it ends.
    pub ends: Timestamp,
    /// How often it can be used.
    pub downloads: u64,
    /// What only the house reads.
    pub notes: &'a str,
}

/// What is sent with a call.
enum Body {
    None,
    Json(Value),
    Octets(Bytes, String),
}

/// An answer lacks what it has to say.
fn lacks() -> Trouble {
    Trouble::Odd("its answer lacks what its interface says")
}

impl Api {
    fn url(&self, parts: &[&str]) -> Url {
        self.link.at(["api", "v4"].into_iter().chain(parts.iter().copied()))
    }

    fn at_share(&self, id: u64) -> Url {
        self.url(&["shares", "downloads", &id.to_string()])
    }

    /// Asks; where the login has expired meanwhile once more with a new one.
    async fn call(&self, method: Method, url: Url, body: Body) -> Result<Reply, Trouble> {
        let mut spent: Option<SecretString> = None;
        loop {
            let token = self.login.token(&self.link, spent.as_ref()).await?;
            let reply = self.link.exchange(|client| {
                let mut bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()))
                    .unwrap_or_else(|_| HeaderValue::from_static("Bearer"));
                bearer.set_sensitive(true);
                let request = client.request(method.clone(), url.clone()).header(AUTHORIZATION, bearer);
                match &body {
                    Body::None => request,
                    Body::Json(value) => with_json(request, value),
                    Body::Octets(octets, range) => request
                        .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
                        .header(CONTENT_RANGE, range)
                        .body(octets.clone()),
                }
            });
            match reply.await {
                Err(Trouble::Status { status: 401, .. }) if spent.is_none() => spent = Some(token),
                other => return other,
            }
        }
    }

    async fn list(&self, parts: &[&str], query: &[(&str, &str)]) -> Result<Vec<Value>, Trouble> {
        let mut url = self.url(parts);
        url.query_pairs_mut().extend_pairs(query);
        let mut answer = self.call(Method::GET, url, Body::None).await?.json.ok_or_else(lacks)?;
        match answer.get_mut("items").map(Value::take) {
            Some(Value::Array(items)) => Ok(items),
            _ => Err(lacks()),
        }
    }

    /// Whether the files of a room are encrypted by its users.
    pub async fn is_encrypted(&self, room: u64) -> Result<bool, Trouble> {
        let url = self.url(&["nodes", &room.to_string()]);
        let answer = self.call(Method::GET, url, Body::None).await?.json.ok_or_else(lacks)?;
        match (node(&answer).map(|node| node.id), answer.get("isEncrypted")) {
            (Some(id), encrypted) if id == room => Ok(encrypted.and_then(Value::as_bool).unwrap_or(false)),
            _ => Err(lacks()),
        }
    }

    /// What lies in a room or folder under exactly this name.
    pub async fn find(&self, parent: u64, name: &str, kind: &str) -> Result<Option<Node>, Trouble> {
        let (parent, filter) = (parent.to_string(), format!("name:eq:{name}"));
        let query = [("parent_id", parent.as_str()), ("depth_level", "0"), ("filter", &filter)];
        let is = |item: &Value, key: &str, value: &str| item.get(key).and_then(Value::as_str) == Some(value);
        let items = self.list(&["nodes"], &query).await?;
        let found = items.iter().find(|item| is(item, "name", name) && is(item, "type", kind));
        found.map(|item| node(item).ok_or_else(lacks)).transpose()
    }

    /// The folder of this name, made where there is none.
    pub async fn folder(&self, parent: u64, name: &str) -> Result<Node, Trouble> {
        let body = Body::Json(json!({ "parentId": parent, "name": name }));
        match self.call(Method::POST, self.url(&["nodes", "folders"]), body).await {
            Ok(reply) => reply.json.as_ref().and_then(node).ok_or_else(lacks),
            Err(Trouble::Status { status: 409, after }) => {
                let found = self.find(parent, name, "folder").await?;
                found.ok_or(Trouble::Status { status: 409, after })
            }
            Err(trouble) => Err(trouble),
        }
    }

    /// Begins to lay a file down.
    pub async fn begin(
        &self,
        parent: u64,
        (name, size): (&str, u64),
        classification: u64,
    ) -> Result<Upload, Trouble> {
        let body =
            json!({ "parentId": parent, "name": name, "size": size, "classification": classification });
        let url = self.url(&["nodes", "files", "uploads"]);
        let answer = self.call(Method::POST, url, Body::Json(body)).await?.json.ok_or_else(lacks)?;
        let text = |key: &str| {
            let text = answer.get(key).and_then(Value::as_str)?;
            (!text.is_empty() && text.len() <= 1024).then(|| text.to_owned())
        };
        let (id, token) = text("uploadId").zip(text("token")).ok_or_else(lacks)?;
        Ok(Upload { id, token })
    }

    /// Sends a piece of it, which begins there, of so many octets in all. The address that the answer named is not called: only ours is.
    pub async fn piece(&self, upload: &Upload, octets: Bytes, from: u64, total: u64) -> Result<(), Trouble> {
        let last = (from + octets.len() as u64).saturating_sub(1);
        let range = format!("bytes {from}-{last}/{total}");
        let url = self.url(&["uploads", &upload.token]);
        self.call(Method::POST, url, Body::Octets(octets, range)).await.map(drop)
    }

    /// Ends it: the file is there whole, or not at all. `None`: another file has its name.
    pub async fn complete(&self, upload: &Upload, name: &str) -> Result<Option<Node>, Trouble> {
        let body = json!({ "resolutionStrategy": "fail", "fileName": name, "keepShareLinks": false });
        let url = self.url(&["nodes", "files", "uploads", &upload.id]);
        match self.call(Method::PUT, url, Body::Json(body)).await {
            Ok(reply) => reply.json.as_ref().and_then(node).ok_or_else(lacks).map(Some),
            Err(Trouble::Status { status: 409, .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Takes away what was sent of an upload that did not come to its end.
    pub async fn drop_upload(&self, id: &str) -> Result<(), Trouble> {
        let url = self.url(&["nodes", "files", "uploads", id]);
        gone(self.call(Method::DELETE, url, Body::None).await)
    }

    /// The links to a file.
    pub async fn shares_of(&self, node: u64) -> Result<Vec<Share>, Trouble> {
        let filter = format!("nodeId:eq:{node}");
        let items = self.list(&["shares", "downloads"], &[("filter", &filter), ("limit", "100")]).await?;
        let of_it = |item: &&Value| item.get("nodeId").and_then(Value::as_u64) == Some(node);
        items.iter().filter(of_it).map(|item| share(item).ok_or_else(lacks)).collect()
    }

    /// Makes a link.
    pub async fn make_share(&self, new: &NewShare<'_>) -> Result<Share, Trouble> {
        let mut body = json!({
            "nodeId": new.node, "name": new.name, "password": new.password.expose_secret(),
            "expiration": { "enableExpiration": true, "expireAt": new.ends.to_string() },
            "maxDownloads": new.downloads, "internalNotes": new.notes, "receiverLanguage": "de-DE",
            "showCreatorName": false, "showCreatorUsername": false,
        });
        if let Some(phone) = new.phone {
            body["textMessageRecipients"] = json!([phone]);
        }
        let url = self.url(&["shares", "downloads"]);
        let answer = self.call(Method::POST, url, Body::Json(body)).await?.json.ok_or_else(lacks)?;
        share(&answer).ok_or_else(lacks)
    }

    /// A link; `None` where it is not there any more.
    pub async fn share(&self, id: u64) -> Result<Option<Share>, Trouble> {
        match self.call(Method::GET, self.at_share(id), Body::None).await {
            Ok(reply) => reply.json.as_ref().and_then(share).ok_or_else(lacks).map(Some),
            Err(Trouble::Status { status: 404, .. }) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Changes what only the house reads of a link.
    pub async fn note_share(&self, id: u64, notes: &str) -> Result<(), Trouble> {
        self.change_share(id, json!({ "internalNotes": notes })).await
    }

    /// Gives a link a password that nobody has, so that it is of use to nobody from now on.
    pub async fn lock_share(&self, id: u64, password: &SecretString) -> Result<(), Trouble> {
        self.change_share(id, json!({ "password": password.expose_secret() })).await
    }

    async fn change_share(&self, id: u64, body: Value) -> Result<(), Trouble> {
        self.call(Method::PUT, self.at_share(id), Body::Json(body)).await.map(drop)
    }

    /// Deletes a link; one that is not there counts as deleted.
    pub async fn delete_share(&self, id: u64) -> Result<(), Trouble> {
        gone(self.call(Method::DELETE, self.at_share(id), Body::None).await)
    }

    /// Deletes a file.
    pub async fn delete_node(&self, id: u64) -> Result<(), Trouble> {
        gone(self.call(Method::DELETE, self.url(&["nodes", &id.to_string()]), Body::None).await)
    }

    /// Has the link mailed. Only an answer without content says that it is taken.
    pub async fn mail_share(&self, id: u64, to: &str, notice: &str) -> Result<(), Trouble> {
        let url = self.url(&["shares", "downloads", &id.to_string(), "email"]);
        let body = json!({ "recipients": [to], "body": notice, "receiverLanguage": "de-DE" });
        let reply = self.call(Method::POST, url, Body::Json(body)).await?;
        if reply.status == 204 { Ok(()) } else { Err(lacks()) }
    }
}

/// What is not there any more is gone, too.
fn gone(reply: Result<Reply, Trouble>) -> Result<(), Trouble> {
    match reply {
        Err(Trouble::Status { status: 404, .. }) => Ok(()),
        other => other.map(drop),
    }
}

fn node(value: &Value) -> Option<Node> {
    let id = value.get("id").and_then(Value::as_u64)?;
    Some(Node { id, size: value.get("size").and_then(Value::as_u64) })
}

fn share(value: &Value) -> Option<Share> {
    let ends = value.get("expireAt").and_then(Value::as_str).and_then(|text| text.parse().ok());
    let notes = value.get("internalNotes").and_then(Value::as_str).unwrap_or_default().to_owned();
    Some(Share {
        id: value.get("id").and_then(Value::as_u64)?,
        downloads: value.get("cntDownloads").and_then(Value::as_u64)?,
        ends,
        notes,
    })
}
