//! The files that are shipped: they compile with the words they use, and the schemas accept them.

use std::path::PathBuf;

use drehscheibe::app::fit;
use drehscheibe::app::place::Place;
use drehscheibe::route::menus::Menus;
use drehscheibe::route::{load, schema};
use drehscheibe::transport::port::Answers;
use serde_json::Value;

use super::house::{CONNECTIONS, MENUS, PARTNERS, ROUTE};

/// The words that the program has, as it compiles a stage.
const REAL: Menus<'static> =
    Menus { steps: drehscheibe::pipeline::STEPS, transports: drehscheibe::transport::TRANSPORTS };

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn shipped() -> drehscheibe::route::compile::Files {
    load::load(&root().join("routes"), &root().join("deploy/stages/demo")).unwrap()
}

#[test]
fn the_shipped_routes_compile_in_the_demo_stage() {
    let root = root();
    let place = Place {
        config: root.join("deploy/stages/demo"),
        routes: root.join("routes"),
        xsd: root.join("xsd"),
        data: root.join("target"),
    };
    let compiled = match fit::compile(&place, None) {
        Ok(fit) => fit.compiled,
        Err(unfit) => panic!("{unfit}"),
    };
    assert_eq!(compiled.plans.len(), shipped().routes.len());
    let plan = compiled.plans.iter().find(|plan| plan.route == "registerlieferung").unwrap();
    let bindings: Vec<_> =
        plan.bindings.iter().map(|binding| (binding.key.as_str(), binding.answers)).collect();
    assert_eq!(
        bindings,
        [("http /v1/lieferungen", Answers::InBand), ("folder lieferungen", Answers::ByMessage)]
    );
    assert_eq!(plan.accept[0].partners, ["jugendamt-bremen", "jugendamt-hamburg"]);
    let steps: Vec<&str> = plan.steps.iter().map(|planned| planned.step.name()).collect();
    assert_eq!(steps, ["order-by", "authorise", "mirror", "receipt", "callback", "callback", "gegenprobe"]);
    assert_eq!(plan.send_from, 3);
    assert_eq!(
        compiled.partners["jugendamt-bremen"].return_address.as_deref(),
        Some("lieferungen:jugendamt-bremen")
    );
    // Only what the demonstration leaves open on purpose: offices that are not connected, letters that nobody approved.
    let (offices, others): (Vec<_>, Vec<_>) =
        compiled.warnings.iter().partition(|warning| warning.file.ends_with("aemter.yaml"));
    assert_eq!(offices.len(), 2);
    assert!(others.iter().all(|warning| warning.text.starts_with("nobody approved")));
    assert_eq!(others.len(), shipped().letters.all().count(), "one for each file");
}

/// What a schema says of a value, as far as our schemas go; the path of the first thing that does not fit.
fn fits(root: &Value, schema: &Value, value: &Value, path: &str) -> Result<(), String> {
    let fault = |what: &str| Err(format!("{path}: {what}"));
    if let Some(target) = schema.get("$ref").and_then(Value::as_str) {
        let target = root.pointer(target.trim_start_matches('#')).ok_or_else(|| format!("no {target}"))?;
        return fits(root, target, value, path);
    }
    if let Some(choices) = schema.get("anyOf").and_then(Value::as_array)
        && !choices.iter().any(|choice| fits(root, choice, value, path).is_ok())
    {
        return fault("fits none of the choices");
    }
    if let Some(words) = schema.get("enum").and_then(Value::as_array)
        && !words.contains(value)
    {
        return fault("not one of the words");
    }
    if schema.get("const").is_some_and(|constant| constant != value) {
        return fault("not the constant");
    }
    let is = |word: &str| match word {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64(),
        "boolean" => value.is_boolean(),
        _ => false,
    };
    match schema.get("type") {
        Some(Value::String(word)) if !is(word) => return fault(word),
        Some(Value::Array(words)) if !words.iter().filter_map(Value::as_str).any(is) => return fault("type"),
        _ => {}
    }
    for key in
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    {
        if value.is_object() && value.get(key).is_none() {
            return fault(&format!("{key} is missing"));
        }
    }
    for (key, inner) in value.as_object().into_iter().flatten() {
        let path = format!("{path}/{key}");
        match (schema.get("properties").and_then(|all| all.get(key)), schema.get("additionalProperties")) {
            (Some(property), _) => fits(root, property, inner, &path)?,
            (None, Some(Value::Bool(false))) => return Err(format!("{path}: not allowed")),
            (None, Some(rest)) => fits(root, rest, inner, &path)?,
            (None, None) => {}
        }
    }
    for (nth, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            fits(root, items, item, &format!("{path}/{nth}"))?;
        }
    }
    Ok(())
}

fn check(schema: &schemars::Schema, text: &str) -> Result<(), String> {
    let schema = schema.as_value();
    let value: Value = serde_saphyr::from_str(text).unwrap();
    fits(schema, schema, &value, "")
}

#[test]
fn the_schemas_accept_what_is_shipped_and_refuse_what_is_wrong() {
    let files = shipped();
    for file in &files.routes {
        check(&schema::route(&REAL), &file.text).unwrap_or_else(|fault| panic!("{}: {fault}", file.name));
    }
    check(&schema::connections(&REAL), &files.connections.text).unwrap();
    let (route, connections, partners) =
        (schema::route(&MENUS), schema::connections(&MENUS), schema::partners());
    check(&route, ROUTE).unwrap();
    check(&connections, CONNECTIONS).unwrap();
    for text in [&files.partners.text, PARTNERS] {
        check(&partners, text).unwrap();
    }
    for (from, to) in [
        ("order-by: child", "order-by: kind"),
        ("mirror: {}", "miror: {}"),
        ("about: ", "abuot: "),
        ("- receipt: {}", "- mirror: {}"),
        ("max-body: 2MiB", "max-boddy: 2MiB"),
        ("{ else: [ { park: unerwartet } ] }", "{ otherwise: [] }"),
    ] {
        assert!(check(&route, &ROUTE.replace(from, to)).is_err(), "{to}");
    }
    assert!(check(&connections, &CONNECTIONS.replace("kind: timer", "kind: watch")).is_err());
    assert!(check(&connections, &CONNECTIONS.replace("{ env: KEY }", "abc")).is_err());
    assert!(check(&partners, &PARTNERS.replace("bearer: { env: BREMEN }", "bearer: abc")).is_err());
}

#[test]
fn every_reference_inside_the_schemas_leads_somewhere() {
    fn walk(root: &Value, value: &Value) {
        match value {
            Value::Object(map) => {
                if let Some(target) = map.get("$ref").and_then(Value::as_str) {
                    assert!(root.pointer(target.trim_start_matches('#')).is_some(), "{target}");
                }
                map.values().for_each(|value| walk(root, value));
            }
            Value::Array(items) => items.iter().for_each(|value| walk(root, value)),
            _ => {}
        }
    }
    for schema in [schema::route(&MENUS), schema::connections(&MENUS), schema::partners()] {
        walk(schema.as_value(), schema.as_value());
        let text = serde_json::to_string(&schema).unwrap();
        assert!(text.starts_with('{') && text.contains("\"$schema\""));
    }
}
