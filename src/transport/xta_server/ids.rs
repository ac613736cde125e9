//! The ids that this server makes: of orders, of rows of a mailbox, of lists that go on. Pure; keeps nothing: a list that goes on is in its id,
//! which says nothing that its reader may not choose for himself, so it needs no seal and survives every restart.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Longest id of an order that is taken; the standard has 100 characters.
pub const LONGEST: usize = 200;
/// How long a list goes on after its last page.
const LIVES: Duration = Duration::from_secs(15 * 60);
const LIST: &str = "urn:drehscheibe:liste:";

/// The id of an order.
pub fn of_order(server: &str, id: Uuid) -> String {
    format!("urn:de:xta:messageid:{server}:{id}")
}

/// The row of a mailbox that an id of ours names; ids are compared without case.
pub fn row_of(server: &str, id: &str) -> Option<Uuid> {
    let (prefix, uuid) = id.trim().rsplit_once(':')?;
    let ours = prefix.eq_ignore_ascii_case(&format!("urn:de:xta:messageid:{server}"));
    (ours && uuid.len() == 36).then(|| Uuid::try_parse(uuid).ok()).flatten()
}

/// Under which a delivery is known by the id of its order: of its partner alone, and of no other transport.
pub fn of_delivery(partner: &str, id: &str) -> String {
    format!("xta {partner} {}", id.trim().to_ascii_lowercase())
}

/// A list that goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct List {
    /// Behind this row.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Uuid>,
    /// Of its messages one by one: behind this row.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub read: Option<Uuid>,
    /// Only what was never fetched.
    #[serde(rename = "n", default)]
    pub new: bool,
    /// Laid there from then on.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Timestamp>,
    /// Laid there until then.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub to: Option<Timestamp>,
    /// Only these.
    #[serde(rename = "i", default, skip_serializing_if = "Vec::is_empty")]
    pub ids: Vec<Uuid>,
    /// At most so many on a page.
    #[serde(rename = "m", default)]
    pub most: usize,
    /// A few attributes of each only.
    #[serde(rename = "b", default)]
    pub brief: bool,
    /// When its last page was given.
    #[serde(rename = "g")]
    pub given: Timestamp,
}

impl List {
    /// Its id.
    pub fn id(&self) -> String {
        format!("{LIST}{}", URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default()))
    }

    /// The list of an id, as long as it lives.
    pub fn of(id: &str, now: Timestamp) -> Option<List> {
        let written = URL_SAFE_NO_PAD.decode(id.trim().strip_prefix(LIST)?).ok()?;
        let list: List = serde_json::from_slice(&written).ok()?;
        let age = now.duration_since(list.given);
        let lives = age <= SignedDuration::try_from(LIVES).ok()? && age >= SignedDuration::from_mins(-1);
        lives.then_some(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_without_case_and_no_others() {
        let id = Uuid::from_u128(0xabc);
        let written = of_order("amt-1", id);
        assert!(written.len() <= 100);
        assert_eq!(row_of("amt-1", &written), Some(id));
        assert_eq!(row_of("amt-1", &written.to_uppercase()), Some(id));
        for other in ["", "1", "urn:uuid:00000000-0000-0000-0000-000000000abc", &written[..40]] {
            assert_eq!(row_of("amt-1", other), None, "{other}");
        }
        assert_eq!(row_of("amt-2", &written), None);
        assert_eq!(of_delivery("p", "URN:A"), of_delivery("p", " urn:a "));
        assert_ne!(of_delivery("p", "urn:a"), of_delivery("q", "urn:a"));
    }

    #[test]
    fn a_list_goes_on_by_its_id_for_a_quarter_of_an_hour() {
        let given: Timestamp = "2026-11-21T12:00:00Z".parse().unwrap();
        let list = List { after: Some(Uuid::from_u128(7)), new: true, most: 2, given, ..List::default() };
        let id = list.id();
        assert!(crate::transport::xta::values::is_uri(&id));
        assert_eq!(List::of(&id, given), Some(list.clone()));
        assert!(List::of(&id, given + Duration::from_secs(900)).is_some());
        assert_eq!(List::of(&id, given + Duration::from_secs(901)), None);
        for other in ["1", "", "urn:drehscheibe:liste:", "urn:drehscheibe:liste:e30", &id[..id.len() - 3]] {
            assert_eq!(List::of(other, given), None, "{other}");
        }
    }
}
