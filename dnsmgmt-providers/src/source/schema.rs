//! docs/records.schema.json says what the reader says.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use toml::de::{DeTable, DeValue};

use super::file::{RECORD, TOP_LEVEL, ZONE};

const SCHEMA: &str = include_str!("../../../docs/records.schema.json");
const EXAMPLE: &str = include_str!("../../../examples/lab.toml");
const DOCUMENTATION: &str = include_str!("../../../docs/records.md");

fn schema() -> (Schemas, SchemaIndex) {
    let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
    compiler.add_resource("records", serde_json::from_str(SCHEMA).unwrap()).unwrap();
    let index = compiler.compile("records", &mut schemas).unwrap();
    (schemas, index)
}

fn is_valid(text: &str) -> bool {
    let (schemas, index) = schema();
    let table = DeTable::parse(text).unwrap();
    schemas.validate(&json(&DeValue::Table(table.into_inner())), index).is_ok()
}

fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix()).unwrap().into(),
        DeValue::Float(number) => number.as_str().parse::<f64>().unwrap().into(),
        DeValue::Boolean(flag) => (*flag).into(),
        DeValue::Datetime(time) => time.to_string().into(),
        DeValue::Array(entries) => entries.iter().map(|entry| json(entry.get_ref())).collect(),
        DeValue::Table(table) => {
            Value::Object(table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect())
        }
    }
}

#[test]
fn has_the_keys_of_the_reader() {
    let schema: Value = serde_json::from_str(SCHEMA).unwrap();
    for (at, keys) in [("", &TOP_LEVEL[..]), ("/$defs/zone", &ZONE), ("/$defs/record", &RECORD)] {
        let properties = schema.pointer(&format!("{at}/properties")).unwrap().as_object().unwrap();
        let mut expected: Vec<&str> = keys.to_vec();
        expected.sort_unstable();
        let mut found: Vec<&str> = properties.keys().map(String::as_str).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{at}");
    }
    let in_documentation = |key: &str| DOCUMENTATION.contains(&format!("`{key}`"));
    assert!(ZONE.iter().chain(&RECORD).all(|key| in_documentation(key)));
}

#[test]
fn accepts_what_the_reader_accepts() {
    let examples = DOCUMENTATION.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    for text in examples.chain([EXAMPLE, ""]) {
        assert!(is_valid(text), "{text}");
    }
}

#[test]
fn refuses_what_the_reader_refuses() {
    let zone = "[[zones]]\nname = \"a.example\"\n";
    for wrong in [
        "zone = 1",
        "[[zones]]\nprovider = \"home\"",
        &format!("{zone}tll = 1"),
        &format!("{zone}ttl = -1"),
        &format!("{zone}ttl = 1.5"),
        &format!("{zone}provider = \"my home\""),
        &format!("{zone}records.a = 1"),
        &format!("{zone}records.a = []"),
        &format!("{zone}records.a.b = \"10.0.0.1\""),
        &format!("{zone}records.a = {{ type = \"A\" }}"),
        &format!("{zone}records.a = {{ value = \"10.0.0.1\", tll = 60 }}"),
        &format!("{zone}records.a = [{{ value = \"10.0.0.1\", tll = 60 }}]"),
        &format!("{zone}records.a = {{ value = \"10.0.0.1\", values = [\"10.0.0.2\"] }}"),
    ] {
        assert!(!is_valid(wrong), "{wrong}");
    }
}
