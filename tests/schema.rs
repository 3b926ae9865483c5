//! The JSON Schema knows what the loader knows: same kinds, same keys, same bounds.

mod kit;

use serde_json::Value;

fn nodes(schema: &Value) -> &Vec<Value> {
    schema["properties"]["node"]["items"]["oneOf"].as_array().unwrap()
}

#[test]
fn every_kind_and_every_key_is_in_the_schema() {
    let registry = tympan::registry();
    let schema = registry.schema();
    let nodes = nodes(&schema);
    assert_eq!(nodes.len(), registry.kinds().count());
    for (kind, node) in registry.kinds().zip(nodes) {
        assert_eq!(node["properties"]["kind"]["const"], kind.name);
        assert_eq!(node["additionalProperties"], false);
        for param in kind.params {
            let property = &node["properties"][param.name];
            let text = property["description"].as_str().unwrap();
            assert!(text.starts_with(param.about), "{}.{}", kind.name, param.name);
            assert_eq!(
                node["required"].as_array().unwrap().contains(&param.name.into()),
                param.default().is_none()
            );
        }
    }
}

#[test]
fn graphs_that_ship_use_only_what_the_schema_allows() {
    let schema = tympan::registry().schema();
    for path in kit::shipped() {
        let text = std::fs::read_to_string(&path).unwrap();
        // Tables and keys as they stand in the text: `[[node]]`, `key = …`.
        let (mut table, mut kind) = (String::new(), String::new());
        for line in text.lines().map(|l| l.split('#').next().unwrap().trim()) {
            if let Some(name) = line.strip_prefix("[[").and_then(|l| l.strip_suffix("]]")) {
                name.clone_into(&mut table);
                assert!(schema["properties"].get(name).is_some(), "{}: {name}", path.display());
            } else if let Some((key, value)) = line.split_once('=') {
                let (key, value) = (key.trim(), value.trim().trim_matches('"'));
                if key == "kind" {
                    value.clone_into(&mut kind);
                }
                let properties = if table == "node" {
                    let mine = |n: &&Value| n["properties"]["kind"]["const"] == kind.as_str();
                    // `id` may stand before `kind`, and every node has it.
                    nodes(&schema).iter().find(mine).map_or(&Value::Null, |n| &n["properties"])
                } else {
                    &schema["properties"][&table]["items"]["properties"]
                };
                let known = key == "id" || properties.get(key).is_some();
                assert!(known || table.is_empty(), "{}: {table}.{key}", path.display());
            }
        }
    }
}
