//! Which kinds and departments the policies tell apart. Whether a requester could be shown anything
//! of a facility at all is found out by asking for one entry of each sort (decisions A3, E2).

use std::collections::BTreeSet;

use cedar_policy::PolicySet;
use serde_json::Value;

/// Sorts of entries: every literal that policies compare with, and one that none names.
#[derive(Debug)]
pub(super) struct Probes {
    pub(super) kinds: BTreeSet<String>,
    pub(super) departments: BTreeSet<String>,
}

impl Probes {
    pub(super) fn new(set: &PolicySet) -> Self {
        let mut probes = Self { kinds: BTreeSet::new(), departments: BTreeSet::new() };
        for policy in set.policies() {
            if let Ok(json) = policy.to_json() {
                probes.walk(&json);
            }
        }
        probes.kinds.insert(UNNAMED.to_owned());
        probes.departments.extend(["-".to_owned(), UNNAMED.to_owned()]);
        probes
    }

    /// Takes every text out of an operation that has `kind` or `department` on either side.
    fn walk(&mut self, json: &Value) {
        match json {
            Value::Array(items) => items.iter().for_each(|item| self.walk(item)),
            Value::Object(fields) => {
                for (operator, operands) in fields {
                    if operator != "." && reads(operands, "kind") {
                        texts(operands, &mut self.kinds);
                    }
                    if operator != "." && reads(operands, "department") {
                        texts(operands, &mut self.departments);
                    }
                    self.walk(operands);
                }
            }
            _ => {}
        }
    }
}

/// Whether an operand is `resource.<attribute>`.
fn reads(operands: &Value, attribute: &str) -> bool {
    let sides = operands.as_object().into_iter().flat_map(|fields| fields.values());
    sides
        .into_iter()
        .any(|side| side.get(".").and_then(|dot| dot.get("attr")).is_some_and(|a| a == attribute))
}

/// Texts of literals, and of patterns without their wildcards.
fn texts(json: &Value, into: &mut BTreeSet<String>) {
    match json {
        Value::Array(items) => items.iter().for_each(|item| texts(item, into)),
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "Value" || name == "Literal" => {
                        into.insert(text.clone());
                    }
                    Value::Array(pattern) if name == "pattern" => {
                        let parts = pattern.iter().filter_map(|part| part.get("Literal")?.as_str());
                        into.insert(parts.collect());
                    }
                    other => texts(other, into),
                }
            }
        }
        _ => {}
    }
}

/// Stands for every kind and department that no policy names.
const UNNAMED: &str = "~";
