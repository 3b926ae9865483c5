//! A bill of materials: what is in the library with all its features, with versions, sums
//! and licences, as `CycloneDX`. `TYMPAN_SBOM` names a file to write it to: `./x sbom`.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::{Value, json};

fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or("cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--offline", "--locked", "--format-version", "1", "--all-features"])
        .current_dir(crate::source::root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Sums of crates by name and version, as the lock file has them.
fn sums(lock: &str) -> BTreeMap<(String, String), String> {
    let value = |package: &str, key: &str| {
        let line = package.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")))?;
        Some(line.trim_end_matches('"').to_owned())
    };
    let packages = lock.split("[[package]]").skip(1);
    let sum = |p| Some(((value(p, "name")?, value(p, "version")?), value(p, "checksum")?));
    packages.filter_map(sum).collect()
}

/// What a package is linked from, by normal dependencies alone, itself included.
fn linked(metadata: &Value, root: &str) -> BTreeMap<String, Vec<String>> {
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let by_id: BTreeMap<&str, &Value> =
        nodes.iter().map(|node| (node["id"].as_str().unwrap(), node)).collect();
    let first = by_id.keys().find(|id| id.contains(&format!("#{root}@")) || id.ends_with(root));
    let mut waiting = vec![(*first.unwrap()).to_owned()];
    let mut found = BTreeMap::new();
    while let Some(id) = waiting.pop() {
        if found.contains_key(&id) {
            continue;
        }
        let is_normal = |dep: &&Value| {
            let kinds = dep["dep_kinds"].as_array().unwrap();
            kinds.iter().any(|kind| kind["kind"].is_null())
        };
        let deps = by_id[id.as_str()]["deps"].as_array().unwrap().iter().filter(is_normal);
        let deps: Vec<String> = deps.map(|d| d["pkg"].as_str().unwrap().to_owned()).collect();
        waiting.extend(deps.iter().cloned());
        found.insert(id, deps);
    }
    found
}

fn bill(metadata: &Value, lock: &str, root: &str) -> Value {
    let (linked, sums) = (linked(metadata, root), sums(lock));
    let packages = metadata["packages"].as_array().unwrap();
    let name = |id: &str| {
        let package = packages.iter().find(|p| p["id"] == id).unwrap();
        let text = |key: &str| package[key].as_str().unwrap_or_default().to_owned();
        (text("name"), text("version"), text("license"))
    };
    let purl = |id: &str| {
        let (name, version, _) = name(id);
        format!("pkg:cargo/{name}@{version}")
    };
    let component = |id: &String| {
        let (name, version, licence) = name(id);
        let mut component = json!({
            "type": "library", "bom-ref": purl(id), "purl": purl(id),
            "name": name, "version": version,
            "licenses": [{ "expression": licence.replace('/', " OR ") }],
        });
        if let Some(sum) = sums.get(&(name, version)) {
            component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
        }
        component
    };
    let dependency = |(id, deps): (&String, &Vec<String>)| {
        let deps: BTreeSet<String> = deps.iter().map(|id| purl(id)).collect();
        json!({ "ref": purl(id), "dependsOn": deps })
    };
    let own = linked.keys().find(|id| name(id).0 == root).unwrap();
    let others = linked.keys().filter(|id| *id != own);
    // Without a date and a serial number: the same tree gives the same file.
    json!({
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": { "component": component(own) },
        "components": others.map(component).collect::<Vec<_>>(),
        "dependencies": linked.iter().map(dependency).collect::<Vec<_>>(),
    })
}

/// What is missing in a bill.
fn faults(bill: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for component in bill["components"].as_array().unwrap() {
        let name = component["name"].as_str().unwrap();
        let licence = component["licenses"][0]["expression"].as_str().unwrap();
        if licence.is_empty() {
            faults.push(format!("{name} has no licence"));
        }
        let is_ours = name.starts_with("tympan");
        if !is_ours && component["hashes"][0]["content"].as_str().is_none_or(|s| s.len() != 64) {
            faults.push(format!("{name} has no sum"));
        }
    }
    faults
}

#[test]
fn everything_linked_is_on_the_bill() {
    let lock = crate::source::read("Cargo.lock");
    let bill = bill(&metadata(), &lock, "tympan-c");
    let components = bill["components"].as_array().unwrap();
    let names: BTreeSet<&str> = components.iter().map(|c| c["name"].as_str().unwrap()).collect();
    println!("{} components", components.len());
    for known in ["tympan", "tympan-core", "ringbuf", "opusic-sys", "toml"] {
        assert!(names.contains(known), "{known} is not on it: {names:?}");
    }
    // What only tests and benches use is not linked into anything.
    for other in ["criterion", "firewheel", "proptest", "hound"] {
        assert!(!names.contains(other), "{other} is on it");
    }
    assert_eq!(faults(&bill), Vec::<String>::new());
    if let Some(path) = std::env::var_os("TYMPAN_SBOM") {
        std::fs::write(&path, serde_json::to_string_pretty(&bill).unwrap() + "\n").unwrap();
        println!("written to {}", path.display());
    }
}

#[test]
fn what_is_missing_is_noticed() {
    let lock = crate::source::read("Cargo.lock").replace("name = \"ringbuf\"", "name = \"ring\"");
    let mut metadata = metadata();
    for package in metadata["packages"].as_array_mut().unwrap() {
        if package["name"] == "toml" {
            package["license"] = Value::Null;
        }
    }
    let faults = faults(&bill(&metadata, &lock, "tympan-c"));
    assert_eq!(faults.len(), 2, "{faults:?}");
}
