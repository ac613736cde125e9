//! Fills what is not written with the defaults that a JSON Schema names, so that `--explain` can show them.
//! Only for showing: steps and transports fill in their own.

use serde_json::Value;

/// How deep schemas are followed; ours are flat, a loop of references must still end.
const DEEPEST: usize = 8;

/// Inserts every default of the schema into the value and returns their paths, each with this prefix.
pub fn fill(schema: &Value, value: &mut Value, prefix: &str) -> Vec<String> {
    let mut paths = Vec::new();
    below(schema, schema, value, prefix, DEEPEST, &mut paths);
    paths
}

fn below(root: &Value, schema: &Value, value: &mut Value, path: &str, left: usize, paths: &mut Vec<String>) {
    let Some(left) = left.checked_sub(1) else { return };
    let target = schema.get("$ref").and_then(Value::as_str).and_then(|target| target.strip_prefix('#'));
    if let Some(target) = target.and_then(|target| root.pointer(target)) {
        return below(root, target, value, path, left, paths);
    }
    match value {
        Value::Object(map) => {
            let properties = schema.get("properties").and_then(Value::as_object);
            for (key, property) in properties.into_iter().flatten() {
                let path = format!("{path}/{key}");
                match (map.get_mut(key), property.get("default")) {
                    (Some(written), _) => below(root, property, written, &path, left, paths),
                    (None, Some(default)) if !default.is_null() => {
                        map.insert(key.clone(), default.clone());
                        paths.push(path);
                    }
                    (None, _) => {}
                }
            }
        }
        Value::Array(items) => {
            for (nth, item) in items.iter_mut().enumerate() {
                if let Some(of_items) = schema.get("items") {
                    below(root, of_items, item, &format!("{path}/{nth}"), left, paths);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn defaults_are_filled_through_references_and_lists_and_loops_end() {
        let schema = json!({
            "$defs": { "Tray": { "properties": { "every": { "default": "2s" }, "again": { "$ref": "#/$defs/Tray" } } } },
            "properties": {
                "trays": { "items": { "$ref": "#/$defs/Tray" } },
                "width": { "default": 8 },
                "tls": { "default": null },
                "loop": { "$ref": "#/properties/loop" }
            }
        });
        let mut value = json!({ "trays": [{ "every": "1s" }, {}], "loop": {} });
        let paths = fill(&schema, &mut value, "");
        assert_eq!(value, json!({ "trays": [{ "every": "1s" }, { "every": "2s" }], "loop": {}, "width": 8 }));
        assert_eq!(paths, ["/trays/1/every", "/width"]);
    }
}
