//! The word `partner`: hands a document that the route made to partners that `partners.yaml` names, by whatever way their answers take:
//! a tray, a queue, an endpoint. Knows neither what it says nor who may have it: that the route says.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::message::Message;
use crate::pipeline::step::{
    Bench, Building, Entry, Flow, Place, Reach, SettingFault, Step, Trouble, WishedWay,
};
use crate::pipeline::{sending, settings};

/// The row of the menu.
pub const ENTRY: Entry = Entry {
    word: "partner",
    place: Place::Send,
    about: "Hands a document that an earlier word made to a partner or group, by the way of its answers.",
    schema,
    declares: &[],
    build,
};

struct Partner {
    /// The partners, in order.
    to: Vec<String>,
    document: String,
    reach: Arc<Reach>,
    ways: Vec<WishedWay>,
    give_up_after: Duration,
}

fn schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            "to": { "description": "A partner or a group.", "type": "string" },
            "message": { "description": "Name of the document, as an earlier `as` gave it.", "type": "string" },
            "ways": sending::ways_schema(),
        },
        "required": ["to", "message"],
        "additionalProperties": false,
    })
}

fn build(written: &Value, building: &Building<'_>) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
    let map = settings::keys(written, ENTRY.word, &["to", "message", "ways"])?;
    let named = settings::text(map, "to", "name of a partner or group")?;
    let document = settings::text(map, "message", "name that an earlier `as` gave")?;
    let (reach, ways) = (building.reach.clone(), building.ways.to_vec());
    let to = reach.groups.get(&named).cloned().unwrap_or_else(|| vec![named.clone()]);
    let step = Partner { to, document, reach, ways, give_up_after: building.give_up_after };
    let unreached = step.to.iter().find(|partner| step.way(partner).is_none());
    if let Some(partner) = unreached.or(step.to.is_empty().then_some(&named)) {
        let text = format!(
            "`{partner}` is no partner with a way of its own; name one, or a group, and give it `answers-by` in partners.yaml"
        );
        return Err(vec![SettingFault { path: "/to".to_owned(), text }]);
    }
    Ok(Arc::new(step))
}

impl Partner {
    /// The first way that the route wishes and the partner has, else that of its answers.
    fn way(&self, partner: &str) -> Option<String> {
        let wished = sending::ways(&self.reach, partner, &self.ways, self.give_up_after);
        let first = wished.into_iter().next().map(|way| way.destination);
        first.or_else(|| self.reach.answers.get(partner).filter(|_| self.ways.is_empty()).cloned())
    }
}

impl Step for Partner {
    fn name(&self) -> &'static str {
        ENTRY.word
    }

    fn receivers(&self) -> &[String] {
        &self.to
    }

    fn apply(&self, message: &mut Message, _: &mut Bench) -> Result<Flow, Trouble> {
        let document = sending::made(message, &self.document)?;
        for partner in &self.to {
            let Some(destination) = self.way(partner) else { continue };
            let ways = sending::ways(&self.reach, partner, &self.ways, self.give_up_after);
            let parts = match sending::is_original(&document, message) {
                true => message.envelope.parts.clone(),
                false => Vec::new(),
            };
            let purpose = format!("{}:{}", ENTRY.word, self.document);
            let addressed = (partner.as_str(), destination.as_str());
            let mut send =
                sending::at_once(message, &purpose, addressed, document.clone(), parts, self.give_up_after);
            sending::by_ways(&mut send, ways, message.now());
            // What a partner gets of one child or sender comes in the order in which it came, where the route has one.
            send.order = message.order.clone().filter(|_| send.ways.is_empty());
            message.effects.sends.push(send);
        }
        message.audit(ENTRY.word, &[("message", &document.message)]);
        Ok(Flow::Next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::testing::{bench, building, message};

    fn step(settings: Value) -> Result<Arc<dyn Step>, Vec<SettingFault>> {
        building(|building| build(&settings, building))
    }

    #[test]
    fn a_partner_gets_the_document_by_its_way_and_a_group_each_of_its_own() {
        for (to, destinations) in [
            ("postfach", vec!["trays:postfach"]),
            ("jugendaemter", vec!["trays:jugendamt-bremen", "trays:jugendamt-hamburg"]),
        ] {
            let step =
                step(json!({ "to": to, "message": "a" })).unwrap_or_else(|faults| panic!("{faults:?}"));
            let mut message = message();
            assert!(
                matches!(step.apply(&mut message, &mut bench()), Err(Trouble::Ours(_))),
                "nothing was made"
            );
            let document = crate::pipeline::sending::original(&message);
            message.built.insert("a".into(), document.clone());
            assert_eq!(step.apply(&mut message, &mut bench()), Ok(Flow::Next));
            let sends = &message.effects.sends;
            assert_eq!(sends.iter().map(|send| send.destination.as_str()).collect::<Vec<_>>(), destinations);
            assert!(sends.iter().all(|send| send.body == document.body && send.order == message.order));
        }
    }

    #[test]
    fn whoever_cannot_be_reached_is_a_fault_when_it_is_built() {
        for (settings, path) in [
            (json!({ "to": "kita", "message": "a" }), "/to"),
            (json!({ "to": "niemand", "message": "a" }), "/to"),
            (json!({ "to": "postfach" }), "/message"),
            (json!({ "message": "a" }), "/to"),
            (json!({ "to": "postfach", "message": "a", "delay": "1s" }), "/delay"),
        ] {
            assert_eq!(step(settings.clone()).err().unwrap()[0].path, path, "{settings}");
        }
    }
}
