//! Conditions as they run: matchers, CEL over declared values, names of documents; and the steps of the language.

use std::sync::Arc;

use bytes::Bytes;
use drehscheibe::envelope::{Envelope, Evidence, Head, Reply};
use drehscheibe::message::{Identity, Message, Sender};
use drehscheibe::pipeline::step::{Flow, Trouble};
use drehscheibe::plan::{Plan, Planned};
use drehscheibe::register::record::Record;
use drehscheibe::xml::gate;
use drehscheibe::xml::limits::Limits;

use super::house::{self, CONNECTIONS, PARTNERS, ROUTE, built};

fn message(values: &[(&'static str, &str)]) -> Message {
    let body = Bytes::from_static(b"<a/>");
    let head = Head {
        id: uuid::Uuid::nil(),
        connection: "door".into(),
        binding: "http /v1/lieferungen".into(),
        transport_id: "1".into(),
        correlation: None,
        content_type: None,
        partner: None,
        received: "2026-11-21T12:00:00Z".parse().unwrap(),
        return_address: None,
        traceparent: None,
        acting_person: None,
        label: None,
        in_band: false,
    };
    let envelope = Envelope { head, body: body.clone(), parts: Vec::new(), evidence: Evidence::default() };
    let document = gate::pass(body, &Limits::default()).unwrap();
    Message {
        values: values.iter().map(|(name, value)| (*name, (*value).to_owned())).collect(),
        ..Message::begin(
            Arc::new(envelope),
            Identity::default(),
            Sender::default(),
            document,
            Record::default(),
        )
    }
}

fn plan(route: &str) -> Plan {
    built(&[route], CONNECTIONS, PARTNERS).unwrap().plans.remove(0)
}

fn choose(plan: &Plan) -> &Planned {
    plan.steps.iter().find(|planned| planned.choose.is_some()).unwrap()
}

/// The branch that a message takes, as the engine does it: the first that holds.
fn taken(plan: &Plan, values: &[(&'static str, &str)]) -> Result<usize, Trouble> {
    let message = message(values);
    let (_, conditions) = choose(plan).choose.as_ref().unwrap();
    for (nth, condition) in conditions.iter().enumerate() {
        if condition.holds(&message)? {
            return Ok(nth);
        }
    }
    panic!("the last branch is else and always holds");
}

#[test]
fn a_choose_takes_the_first_branch_that_holds_and_else_otherwise() {
    let plan = plan(ROUTE);
    assert_eq!(taken(&plan, &[("ergebnis", "negativ")]), Ok(0));
    assert_eq!(taken(&plan, &[("ergebnis", "eintragung")]), Ok(1));
    assert_eq!(taken(&plan, &[("ergebnis", "klaerfall")]), Ok(2));
}

#[test]
fn branches_are_planned_under_their_choose() {
    let plan = plan(ROUTE);
    let names: Vec<_> = plan.steps.iter().map(|planned| (planned.step.name(), planned.branch)).collect();
    assert_eq!(
        names,
        [
            ("order-by", None),
            ("mirror", None),
            ("find", None),
            ("decide", None),
            ("choose", None),
            ("build", Some((0, 0))),
            ("build", Some((0, 1))),
            ("park", Some((0, 2))),
            ("receipt", None),
            ("callback", None),
        ]
    );
    assert_eq!((plan.chooses, plan.send_from), (1, 8));
}

#[test]
fn a_choose_inside_a_branch_has_an_index_of_its_own() {
    let inner = "{ choose: [ { when: { treffer.genau: ja }, then: [ { mirror: {} } ] }, { else: [] } ] }";
    let text = ROUTE.replace("{ park: unerwartet }", inner);
    let plan = plan(&text);
    assert_eq!(plan.chooses, 2);
    let nested: Vec<_> = plan.steps.iter().filter(|planned| planned.branch == Some((0, 2))).collect();
    assert_eq!(nested.len(), 1);
    assert_eq!(nested[0].choose.as_ref().unwrap().0, 1);
    assert!(plan.steps.iter().any(|planned| planned.branch == Some((1, 0))));
}

#[test]
fn a_matcher_takes_lists_and_several_names_and_needs_all_of_them() {
    let text =
        ROUTE.replace("{ ergebnis: negativ }", "{ ergebnis: [negativ, klaerfall], treffer.genau: nein }");
    let plan = plan(&text);
    assert_eq!(taken(&plan, &[("ergebnis", "klaerfall"), ("treffer.genau", "nein")]), Ok(0));
    assert_eq!(taken(&plan, &[("ergebnis", "klaerfall"), ("treffer.genau", "ja")]), Ok(2));
}

#[test]
fn cel_reads_names_with_dots_and_an_unset_value_is_our_fault() {
    let text = ROUTE.replace(
        "ergebnis == \"eintragung\"",
        "treffer.genau == \"ja\" && ergebnis in [\"eintragung\", \"klaerfall\"]",
    );
    let plan = plan(&text);
    assert_eq!(
        taken(&plan, &[("ergebnis", "klaerfall"), ("treffer.genau", "ja"), ("treffer.offen", "ja")]),
        Ok(1)
    );
    assert_eq!(taken(&plan, &[("ergebnis", "klaerfall"), ("treffer.genau", "nein")]), Ok(2));
    let Err(Trouble::Ours(cause)) = taken(&plan, &[("ergebnis", "klaerfall")]) else {
        panic!("an expression over a value that no step set must park");
    };
    assert!(cause.contains("condition could not be evaluated"));
}

#[test]
fn a_send_item_waits_for_the_document_it_names() {
    let plan = plan(ROUTE);
    let when = plan.steps.last().unwrap().when.clone().unwrap();
    let mut message = message(&[]);
    assert_eq!(when.holds(&message), Ok(false));
    let reply = Reply {
        content_type: String::new(),
        body: Bytes::new(),
        message: String::new(),
        message_id: String::new(),
        test: true,
    };
    message.built.insert("schreiben".into(), reply);
    assert_eq!(when.holds(&message), Ok(true));
}

#[test]
fn park_is_our_fault_with_its_cause() {
    let plan = plan(ROUTE);
    let park = plan.steps.iter().find(|planned| planned.step.name() == "park").unwrap();
    let outcome = park.step.apply(&mut message(&[]), &mut house::bench());
    assert_eq!(outcome, Err(Trouble::Ours("unerwartet".into())));
}

#[test]
fn a_deadline_sets_one_timer_that_brings_the_document_to_its_route() {
    let text = ROUTE.replace("settings:", "deadline: { after: 14d, then: erinnern }\nsettings:");
    let reminder = ROUTE
        .replace("route: lieferung", "route: erinnerung")
        .replace("  - http: /v1/lieferungen\n  - folder: trays", "  - timer: erinnern")
        .replace("  - receipt: {}\n", "");
    let plan = built(&[&text, &reminder], CONNECTIONS, PARTNERS).unwrap().plans.remove(0);
    let deadline = &plan.steps[plan.send_from];
    assert_eq!(deadline.step.name(), "deadline");
    let mut message = message(&[]);
    assert_eq!(deadline.step.apply(&mut message, &mut house::bench()), Ok(Flow::Next));
    let timer = &message.effects.timers[0];
    assert_eq!(timer.name, "timer erinnern");
    assert_eq!(timer.due, "2026-12-05T12:00:00Z".parse().unwrap());
    assert_eq!(timer.body, message.envelope.body);
    assert_eq!(timer.id, message.derived_id("deadline"));
}
