//! A JSON Schema of graph files, from the same descriptions that check them: editors
//! complete and check with it while one types.

use serde_json::{Map, Value as Json, json};
use tympan_core::{Domain, Format, Graph, KindInfo, Param};

use crate::Registry;

impl Registry {
    /// The JSON Schema of a graph file that uses these kinds.
    pub fn schema(&self) -> Json {
        let nodes: Vec<Json> = self.kinds().map(node).collect();
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": "tympan graph",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "graph": {
                    "type": "object",
                    "additionalProperties": false,
                    "properties": {
                        "fill": {
                            "description": format!(
                                "Overruns up to this become silence, longer ones a new segment; at most {} ms.",
                                Graph::MAX_FILL_MS
                            ),
                            "type": ["string", "number"],
                            "default": format!("{}ms", Graph::MAX_FILL_MS),
                        },
                    },
                },
                "source": { "type": "array", "items": table(
                    [
                        ("name", json!({ "type": "string", "description": "The first is the microphone." })),
                        ("channel", json!({
                            "type": "integer", "minimum": 1, "maximum": Format::MAX_CHANNELS,
                            "description": "Use only this channel of the device.",
                        })),
                    ],
                    &["name"],
                ) },
                "node": { "type": "array", "items": { "oneOf": nodes } },
                "output": { "type": "array", "items": table(
                    [
                        ("name", json!({ "type": "string" })),
                        ("from", json!({ "type": "string", "description": "A node; by default the last one." })),
                        ("rate", json!({
                            "type": "integer", "minimum": 1, "maximum": Format::MAX_RATE,
                            "description": "Refuse any other rate here.",
                        })),
                    ],
                    &["name"],
                ) },
            },
        })
    }
}

fn table<const N: usize>(properties: [(&str, Json); N], required: &[&str]) -> Json {
    let properties: Map<String, Json> =
        properties.into_iter().map(|(k, v)| (k.to_owned(), v)).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

fn node(kind: &KindInfo) -> Json {
    let mut properties = Map::new();
    properties.insert("kind".into(), json!({ "const": kind.name, "description": kind.about }));
    properties.insert(
        "id".into(),
        json!({ "type": "string", "description": "Its name; by default its kind." }),
    );
    properties.insert("from".into(), wires(kind));
    for param in kind.params {
        properties.insert(param.name.into(), property(param));
    }
    let must = kind.params.iter().filter(|p| p.default().is_none()).map(|p| p.name);
    let required: Vec<&str> = std::iter::once("kind").chain(must).collect();
    json!({
        "type": "object",
        "title": kind.name,
        "description": kind.about,
        "additionalProperties": false,
        "properties": properties,
        "required": required,
    })
}

/// `from`: a name, or a table of ports.
fn wires(kind: &KindInfo) -> Json {
    let ports: Map<String, Json> =
        kind.inputs.iter().map(|p| (p.name.to_owned(), json!({ "type": "string" }))).collect();
    json!({
        "description": "Who feeds it; by default the samples of the node above.",
        "oneOf": [
            { "type": "string" },
            { "type": "object", "additionalProperties": false, "properties": ports },
        ],
    })
}

fn property(param: &Param) -> Json {
    let mut json = match param.domain {
        Domain::Number { min, max, default } => {
            json!({ "type": "number", "minimum": min, "maximum": max, "default": default })
        }
        Domain::Time { min, max, default } => json!({
            "oneOf": [
                { "type": "string", "pattern": "^\\s*[0-9.]+\\s*(ms|s|min)\\s*$" },
                { "type": "number", "minimum": min, "maximum": max },
            ],
            "default": format!("{default}ms"),
        }),
        Domain::Whole { min, max, default } => match default {
            Some(default) => {
                json!({ "type": "integer", "minimum": min, "maximum": max, "default": default })
            }
            None => json!({ "type": "integer", "minimum": min, "maximum": max }),
        },
        Domain::Flag { default } => json!({ "type": "boolean", "default": default }),
        Domain::Choice { of, default } => json!({ "enum": of, "default": default }),
        Domain::Text { default } => json!({ "type": "string", "default": default }),
        _ => json!({}),
    };
    let unit = if param.unit.is_empty() { String::new() } else { format!(" [{}]", param.unit) };
    json["description"] = format!("{}{unit}", param.about).into();
    json
}
