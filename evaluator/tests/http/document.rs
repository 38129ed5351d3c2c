//! The API's description, and whether an answer is one of those it declares.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use blindsight_evaluator::http::openapi::Document;
use serde_json::Value;
use utoipa::OpenApi as _;

use crate::server::Answer;

fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> =
        LazyLock::new(|| serde_json::to_value(Document::openapi()).unwrap());
    &DOCUMENT
}

/// Fails if the description has the operation, but not this answer of it.
pub(crate) fn check(method: &str, path: &str, answer: &Answer) {
    let Some((template, operation)) = find(method, path) else {
        assert!([404, 405].contains(&answer.status), "{method} {path}: {}", answer.status);
        return;
    };
    let what = format!("{method} {template} {}", answer.status);
    let response = &operation["responses"][answer.status.to_string()];
    assert!(!response.is_null(), "{what} is not declared: {}", answer.text());
    for name in response["headers"].as_object().into_iter().flat_map(|headers| headers.keys()) {
        let conditional =
            ["Upload-Expires", "Blindsight-Keys", "Blindsight-Capability", "Upload-Length"];
        let there = answer.header(name).is_some();
        assert!(there || conditional.contains(&name.as_str()), "{what} lacks {name}");
    }
    let Some(content) = response["content"].as_object() else {
        assert!(method == "HEAD" || answer.body.is_empty(), "{what} has an undeclared body");
        return;
    };
    let kind = answer.header("content-type").unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().to_owned();
    let declared = content.get(&essence).unwrap_or_else(|| panic!("{what}: type {kind}"));
    if essence.ends_with("json") {
        let errors = mismatches(&declared["schema"], &answer.json(), "");
        assert!(errors.is_empty(), "{what}: {errors:?}");
    }
}

fn find(method: &str, path: &str) -> Option<(&'static str, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let fits = |template: &str| {
        let (ours, theirs) = (path.split('/'), template.split('/'));
        path.split('/').count() == template.split('/').count()
            && ours.zip(theirs).all(|(a, b)| a == b || (b.starts_with('{') && !a.is_empty()))
    };
    let paths = document()["paths"].as_object().unwrap();
    let (template, operations) = paths.iter().find(|(template, _)| fits(template))?;
    Some((template, operations.get(method.to_lowercase())?))
}

/// Where a value is not what its schema says: types, required fields, unknown fields, choices.
fn mismatches(schema: &Value, value: &Value, at: &str) -> Vec<String> {
    if let Some(reference) = schema["$ref"].as_str() {
        let schema = document().pointer(reference.trim_start_matches('#')).unwrap();
        return mismatches(schema, value, at);
    }
    if let Some(choices) = schema["oneOf"].as_array() {
        let errors: Vec<_> = choices.iter().map(|choice| mismatches(choice, value, at)).collect();
        return errors.into_iter().min_by_key(Vec::len).unwrap_or_default();
    }
    if schema["enum"].as_array().is_some_and(|choices| !choices.contains(value)) {
        return vec![format!("{at}: {value} is not one of {}", schema["enum"])];
    }
    let kinds: BTreeSet<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !(kinds.is_empty() || kinds.contains(kind) || kind == "integer" && kinds.contains("number"))
    {
        return vec![format!("{at}: {value} is no {kinds:?}")];
    }
    let mut errors = Vec::new();
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        errors.extend(mismatches(&schema["items"], item, &format!("{at}/{index}")));
    }
    let (Some(fields), Some(declared)) = (value.as_object(), schema["properties"].as_object())
    else {
        return errors;
    };
    for (name, field) in fields {
        match declared.get(name) {
            Some(schema) => errors.extend(mismatches(schema, field, &format!("{at}/{name}"))),
            None => errors.push(format!("{at}: the field {name} is not declared")),
        }
    }
    let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    errors.extend(
        required
            .filter(|name| !fields.contains_key(*name))
            .map(|name| format!("{at}: the field {name} is missing")),
    );
    errors
}

#[test]
fn the_check_can_fail() {
    let job = document().pointer("/components/schemas/JobView").unwrap();
    let errors = mismatches(job, &serde_json::json!({"id": 5, "state": "lost", "more": 1}), "");
    for part in ["/id: 5", "lost", "more is not declared", "attempts is missing"] {
        assert!(errors.iter().any(|error| error.contains(part)), "{part}: {errors:?}");
    }
}
