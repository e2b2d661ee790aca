//! A-Tree, another index over many rules, on that part of the campaign workload which it can express.
//!
//! It has neither prefixes nor wildcards; rules with them are left out. A coupon's presence is a boolean of its own,
//! since a coupon that is null is present. A single value is an equality, which it finds faster than a list of one.

mod beside;

use a_tree::{ATree, AttributeDefinition, EventBuilder};
use campaign_manager::event::Document;
use serde_json::Value;
use simd_json::{Node, StaticNode};

pub(crate) use beside::Beside;

/// Fields of the workload, by their paths, and what they are to the peer.
const FIELDS: [(&str, Kind); 10] = [
    ("tenant", Kind::Text),
    ("type", Kind::Text),
    ("user_country", Kind::Text),
    ("user_tier", Kind::Text),
    ("user_age", Kind::Whole),
    ("ctx_platform", Kind::Text),
    ("props_currency", Kind::Text),
    ("props_sku", Kind::Text),
    ("props_amount", Kind::Cents),
    ("props_tags", Kind::Texts),
];
/// Whether the event has a coupon.
const COUPON: &str = "props_coupon";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Texts,
    Whole,
    Cents,
}

/// The peer with rules in it.
pub(crate) struct Peer(ATree<usize>);

impl Peer {
    /// Builds it from expressions.
    pub(crate) fn build(expressions: &[String]) -> Self {
        let mut definitions: Vec<_> = FIELDS.iter().map(|(name, kind)| kind.definition(name)).collect();
        definitions.push(AttributeDefinition::boolean(COUPON));
        let mut tree = ATree::new(&definitions).expect("the fields have different names");
        for (index, expression) in expressions.iter().enumerate() {
            tree.insert(&index, expression).expect("the expressions are well-formed");
        }
        Self(tree)
    }

    /// How many rules the event matches.
    pub(crate) fn matches(&self, document: Document<'_>) -> usize {
        let mut event = self.0.make_event();
        for (key, value) in document.entries() {
            if value.is_object() {
                for (inner, value) in value.entries() {
                    set(&mut event, Some(key), inner, value);
                }
            } else {
                set(&mut event, None, key, value);
            }
        }
        let event = event.build().expect("its fields are set");
        self.0.search(&event).expect("the event is whole").matches().len()
    }
}

impl Kind {
    fn definition(self, name: &str) -> AttributeDefinition {
        match self {
            Self::Text => AttributeDefinition::string(name),
            Self::Texts => AttributeDefinition::string_list(name),
            Self::Whole => AttributeDefinition::integer(name),
            Self::Cents => AttributeDefinition::float(name),
        }
    }
}

/// The peer's name of a field, without building a text for each event.
fn name_of(object: Option<&str>, key: &str) -> Option<(&'static str, Kind)> {
    let is_field = |name: &str| match object {
        None => name == key,
        Some(object) => name.strip_prefix(object).and_then(|rest| rest.strip_prefix('_')) == Some(key),
    };
    FIELDS.into_iter().find(|(name, _)| is_field(name))
}

fn set(event: &mut EventBuilder<'_>, object: Option<&str>, key: &str, value: Document<'_>) {
    if key == "coupon" {
        return event.with_boolean(COUPON, true).expect("it is a boolean");
    }
    let Some((name, kind)) = name_of(object, key) else { return };
    let set = match (kind, value.nodes()) {
        (Kind::Text, [Node::String(text)]) => event.with_string(name, text),
        (Kind::Texts, [_, texts @ ..]) => event.with_string_list(name, &texts_of(texts)),
        (Kind::Whole, [Node::Static(StaticNode::U64(number))]) => {
            event.with_integer(name, i64::try_from(*number).expect("ages are small"))
        }
        #[expect(clippy::cast_possible_truncation, reason = "amounts are at most 500")]
        (Kind::Cents, [Node::Static(StaticNode::F64(number))]) => {
            event.with_float(name, (number * 100.0).round() as i64, 2)
        }
        _ => Ok(()),
    };
    set.expect("the field has this kind");
}

fn texts_of<'a>(nodes: &[Node<'a>]) -> Vec<&'a str> {
    nodes.iter().filter_map(|node| if let Node::String(text) = node { Some(*text) } else { None }).collect()
}

/// A pattern of the campaign workload as an expression, if the peer has what it takes.
pub(crate) fn expression(pattern: &str) -> Option<String> {
    let pattern: Value = serde_json::from_str(pattern).expect("the rules are JSON");
    let mut terms = Vec::new();
    for (key, value) in pattern.as_object()? {
        match value {
            Value::Object(fields) => {
                for (inner, wanted) in fields {
                    terms.push(term(&format!("{key}_{inner}"), wanted)?);
                }
            }
            wanted => terms.push(term(key, wanted)?),
        }
    }
    Some(terms.join(" and "))
}

/// What is wanted of one field.
fn term(name: &str, wanted: &Value) -> Option<String> {
    let values = wanted.as_array()?;
    let [Value::Object(operator)] = values.as_slice() else { return Some(one_of(name, values)) };
    let (operator, operand) = operator.iter().next()?;
    match operator.as_str() {
        "exists" => Some(name.to_owned()),
        "anything-but" => Some(format!("{name} not in {operand}")),
        "numeric" => Some(range(name, operand.as_array()?)),
        _ => None,
    }
}

fn one_of(name: &str, values: &[Value]) -> String {
    let list = FIELDS.contains(&(name, Kind::Texts));
    match values {
        _ if list => format!("{name} one of {}", Value::from(values)),
        [value] => format!("{name} = {value}"),
        values => format!("{name} in {}", Value::from(values)),
    }
}

/// Comparisons; amounts are decimals to the peer, also where a rule gives a whole number.
fn range(name: &str, bounds: &[Value]) -> String {
    let digits = if FIELDS.contains(&(name, Kind::Cents)) { ".0" } else { "" };
    let comparisons = bounds.chunks_exact(2).map(|pair| {
        let operator = pair[0].as_str().unwrap_or_default();
        format!("{name} {operator} {}{digits}", pair[1])
    });
    comparisons.collect::<Vec<_>>().join(" and ")
}
