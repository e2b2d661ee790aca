//! The entries of a field's list: literals and operators.

use super::{MAX_VALUES, Reader, shown};
use crate::event::Document;
use crate::rules::fold::fold;
use crate::rules::network::Network;
use crate::rules::number::Number;
use crate::rules::predicate::{Predicate, Range};
use crate::rules::value::{Literal, Value};
use crate::rules::wildcard::Wildcard;
use simd_json::Node;
use std::fmt::Display;
use std::ops::Bound;

/// The names of all operators.
pub(super) const OPERATORS: [&str; 8] =
    ["anything-but", "cidr", "equals-ignore-case", "exists", "numeric", "prefix", "suffix", "wildcard"];

/// What an operator given in the place of a field was probably meant to be.
pub(in crate::rules) fn meant(operator: &str, value: Document<'_>) -> String {
    if value.elements().next().is_some() {
        return format!(
            "{operator:?} is an operator and stands inside a field's list: [{{{operator:?}: […]}}]"
        );
    }
    let value = shown(value);
    format!(
        "{operator:?} is an operator and stands inside a field's list: [{{{operator:?}: {value}}}]; \
         a field of this name takes a list: [{value}]"
    )
}

impl Reader {
    /// The entries of a field's list.
    pub(super) fn wanted<'d>(&mut self, values: impl Iterator<Item = Document<'d>>) -> Vec<Predicate> {
        let mut wanted = Vec::new();
        for (position, value) in values.enumerate() {
            wanted.push(self.at(position, |reader| reader.predicate(value)));
        }
        if wanted.is_empty() {
            self.refuse("the list of a field may not be empty; name the values that are wanted");
        }
        let count = wanted.iter().map(|predicate| predicate.as_ref().map_or(1, literals)).sum::<usize>();
        if count > MAX_VALUES {
            self.refuse(format_args!("a field may list at most {MAX_VALUES} values; here are {count}"));
        }
        wanted.into_iter().flatten().collect()
    }

    /// One entry of a field's list; nothing if it is refused.
    pub(super) fn predicate(&mut self, value: Document<'_>) -> Option<Predicate> {
        match value.nodes().first()? {
            Node::Object { .. } => self.only_entry(value, "an operator", Self::operator),
            Node::Array { .. } => {
                self.refuse(format_args!(
                    "a field's list holds strings, numbers, true, false, null and operators, not {}",
                    shown(value)
                ));
                None
            }
            leaf => Value::of(leaf).map(|value| Predicate::Exact(value.into())),
        }
    }

    /// The one entry of an object such as `{"prefix": "x"}`.
    fn only_entry<R>(
        &mut self,
        object: Document<'_>,
        what: &str,
        read: impl FnOnce(&mut Self, &str, Document<'_>) -> Option<R>,
    ) -> Option<R> {
        let mut entries = object.entries();
        let (Some((key, operand)), None) = (entries.next(), entries.next()) else {
            let keys = object.entries().count();
            self.refuse(format_args!("{what} is an object with exactly one key; here are {keys}"));
            return None;
        };
        self.at(key, |reader| read(reader, key, operand))
    }

    pub(super) fn operator(&mut self, name: &str, operand: Document<'_>) -> Option<Predicate> {
        match name {
            "prefix" => self.text_or_ignoring_case(operand, Predicate::Prefix, Predicate::PrefixIgnoreCase),
            "suffix" => self.text_or_ignoring_case(operand, Predicate::Suffix, Predicate::SuffixIgnoreCase),
            "equals-ignore-case" => {
                self.text(operand).map(|text| Predicate::EqualsIgnoreCase(fold(text).into()))
            }
            "wildcard" => self.wildcard(operand),
            "numeric" => self.numeric(operand),
            "cidr" => {
                let text = self.text(operand)?;
                self.checked(text, Network::parse(text)).map(Predicate::Network)
            }
            "exists" => self.exists(operand),
            "anything-but" => self.anything_but(operand),
            _ => {
                self.refuse(format_args!("{name:?} is not an operator; use one of {}", quoted(&OPERATORS)));
                None
            }
        }
    }

    fn text<'d>(&mut self, operand: Document<'d>) -> Option<&'d str> {
        if let Some(Node::String(text)) = operand.nodes().first() {
            return Some(text);
        }
        self.refuse(format_args!("{} is not a string; this operator takes a string", shown(operand)));
        None
    }

    fn checked<T>(&mut self, text: &str, parsed: Result<T, impl Display>) -> Option<T> {
        parsed.map_err(|error| self.refuse(format_args!("{text:?} {error}"))).ok()
    }

    fn wildcard(&mut self, operand: Document<'_>) -> Option<Predicate> {
        let text = self.text(operand)?;
        self.checked(text, Wildcard::parse(text)).map(Predicate::Wildcard)
    }

    fn text_or_ignoring_case(
        &mut self,
        operand: Document<'_>,
        exactly: fn(Box<str>) -> Predicate,
        ignoring_case: fn(Box<str>) -> Predicate,
    ) -> Option<Predicate> {
        if !operand.is_object() {
            return self.text(operand).map(|text| exactly(text.into()));
        }
        self.only_entry(operand, "{\"equals-ignore-case\": …}", |reader, key, operand| {
            if key != "equals-ignore-case" {
                reader.refuse(format_args!(
                    "{key:?} is not known here; use a string or {{\"equals-ignore-case\": …}}"
                ));
                return None;
            }
            reader.text(operand).map(|text| ignoring_case(fold(text).into()))
        })
    }

    fn exists(&mut self, operand: Document<'_>) -> Option<Predicate> {
        match operand.nodes().first().and_then(Value::of) {
            Some(Value::Bool(true)) => Some(Predicate::Exists),
            Some(Value::Bool(false)) => Some(Predicate::Absent),
            _ => {
                self.refuse(format_args!("{} is neither true nor false", shown(operand)));
                None
            }
        }
    }

    fn anything_but(&mut self, operand: Document<'_>) -> Option<Predicate> {
        if operand.is_object() {
            return self.only_entry(operand, "the operand of \"anything-but\"", Self::anything_but_operator);
        }
        let excluded = self.one_or_more(operand, |reader, value| {
            let leaf = value.nodes().first().and_then(Value::of);
            if let Some(literal @ (Value::String(_) | Value::Number(_))) = leaf {
                return Some(Literal::from(literal));
            }
            reader.refuse(format_args!(
                "{} cannot be excluded; \"anything-but\" takes a string, a number, a list of only strings or only \
                 numbers, or one of \"prefix\", \"suffix\", \"equals-ignore-case\" and \"wildcard\"",
                shown(value)
            ));
            None
        })?;
        let strings = excluded.iter().filter(|literal| matches!(literal, Literal::String(_))).count();
        if strings != 0 && strings != excluded.len() {
            self.refuse("a list in \"anything-but\" holds only strings or only numbers, not both");
        }
        Some(Predicate::AnythingBut(excluded.into_iter().map(Predicate::Exact).collect()))
    }

    fn anything_but_operator(&mut self, name: &str, operand: Document<'_>) -> Option<Predicate> {
        let affix: Option<fn(Box<str>) -> Predicate> = match name {
            "prefix" => Some(Predicate::Prefix),
            "suffix" => Some(Predicate::Suffix),
            "equals-ignore-case" | "wildcard" => None,
            _ => {
                self.refuse(format_args!(
                    "{name:?} is not known inside \"anything-but\"; use \"prefix\", \"suffix\", \"equals-ignore-case\" \
                     or \"wildcard\""
                ));
                return None;
            }
        };
        let excluded = self.one_or_more(operand, |reader, value| match affix {
            Some(affix) => reader.text(value).and_then(|text| {
                if text.is_empty() {
                    reader.refuse(format_args!(
                        "\"\" is the {name} of every string; excluding it leaves no string"
                    ));
                }
                (!text.is_empty()).then(|| affix(text.into()))
            }),
            None if name == "wildcard" => reader.wildcard(value),
            None => reader.text(value).map(|text| Predicate::EqualsIgnoreCase(fold(text).into())),
        })?;
        Some(Predicate::AnythingBut(excluded.into()))
    }

    /// What `read` makes of one value, or of each in a list; nothing if one of them is refused or there is none.
    fn one_or_more<R>(
        &mut self,
        operand: Document<'_>,
        mut read: impl FnMut(&mut Self, Document<'_>) -> Option<R>,
    ) -> Option<Vec<R>> {
        match operand.nodes().first()? {
            Node::Array { len: 0, .. } => {
                self.refuse("the list may not be empty");
                None
            }
            Node::Array { .. } => {
                let values = operand.elements().enumerate();
                let results: Vec<_> =
                    values.map(|(position, value)| self.at(position, |reader| read(reader, value))).collect();
                results.into_iter().collect()
            }
            _ => read(self, operand).map(|result| vec![result]),
        }
    }

    fn numeric(&mut self, operand: Document<'_>) -> Option<Predicate> {
        let terms: Vec<_> = operand.elements().collect();
        let pairs = match &*terms {
            [_, _] | [_, _, _, _] => terms.chunks_exact(2),
            _ => {
                self.refuse(format_args!(
                    "\"numeric\" takes a list of a comparison and a number, or of two such pairs, not {}",
                    if terms.is_empty() { shown(operand) } else { format!("a list of {}", terms.len()) }
                ));
                return None;
            }
        };
        let mut comparisons = Vec::new();
        for (pair, position) in pairs.zip([0, 2]) {
            let comparison = self.at(position, |reader| reader.comparison(pair[0]));
            let number = self.at(position + 1, |reader| reader.number(pair[1]));
            comparisons.push(comparison.zip(number));
        }
        let comparisons: Vec<_> = comparisons.into_iter().collect::<Option<_>>()?;
        self.range(&comparisons)
    }

    fn comparison(&mut self, value: Document<'_>) -> Option<Comparison> {
        let comparison = match value.nodes().first() {
            Some(Node::String("=")) => Comparison::Equal,
            Some(Node::String("<")) => Comparison::Upper(Bound::Excluded),
            Some(Node::String("<=")) => Comparison::Upper(Bound::Included),
            Some(Node::String(">")) => Comparison::Lower(Bound::Excluded),
            Some(Node::String(">=")) => Comparison::Lower(Bound::Included),
            _ => {
                self.refuse(format_args!(
                    "{} is not a comparison; use \"=\", \"<\", \"<=\", \">\" or \">=\"",
                    shown(value)
                ));
                return None;
            }
        };
        Some(comparison)
    }

    fn number(&mut self, value: Document<'_>) -> Option<Number> {
        if let Some(Value::Number(number)) = value.nodes().first().and_then(Value::of) {
            return Some(number);
        }
        self.refuse(format_args!("{} is not a number", shown(value)));
        None
    }

    fn range(&mut self, comparisons: &[(Comparison, Number)]) -> Option<Predicate> {
        let range = match *comparisons {
            [(Comparison::Equal, number)] => return Some(Predicate::Exact(Literal::Number(number))),
            [(Comparison::Lower(lower), number)] => Range { lower: lower(number), upper: Bound::Unbounded },
            [(Comparison::Upper(upper), number)] => Range { lower: Bound::Unbounded, upper: upper(number) },
            [(Comparison::Lower(lower), low), (Comparison::Upper(upper), high)] => {
                let range = Range { lower: lower(low), upper: upper(high) };
                let holds_its_bounds = range.contains(low) && range.contains(high);
                if low > high || (low == high && !holds_its_bounds) {
                    self.refuse(format_args!("no number is {range}; the lower bound comes first"));
                    return None;
                }
                range
            }
            _ => {
                self.refuse(
                    "a range names its lower bound (\">\" or \">=\") first, then its upper (\"<\" or \"<=\")",
                );
                return None;
            }
        };
        Some(Predicate::Range(range))
    }
}

/// A comparison in `numeric`.
#[derive(Clone, Copy)]
enum Comparison {
    Equal,
    Lower(fn(Number) -> Bound<Number>),
    Upper(fn(Number) -> Bound<Number>),
}

/// How many values an entry counts for.
fn literals(predicate: &Predicate) -> usize {
    match predicate {
        Predicate::AnythingBut(excluded) => excluded.len(),
        _ => 1,
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", ")
}
