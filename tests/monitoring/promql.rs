//! Which metrics and labels an expression names.

use std::collections::BTreeSet;
use std::convert::Infallible;

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::{AggregateExpr, BinaryExpr, Expr, MatrixSelector, VectorSelector};
use promql_parser::util::{ExprVisitor, walk_expr};

/// What an expression names.
#[derive(Debug, Default)]
pub(crate) struct Named {
    /// Each selector.
    pub(crate) series: Vec<Series>,
    /// Labels that are grouped by, or matched on.
    pub(crate) labels: BTreeSet<String>,
}

/// A selector.
#[derive(Debug)]
pub(crate) struct Series {
    /// Of which metric.
    pub(crate) name: String,
    /// Labels, and the value where one is given.
    pub(crate) labels: Vec<(String, Option<String>)>,
}

impl Named {
    /// What this expression names.
    pub(crate) fn of(expr: &str) -> Self {
        let parsed =
            promql_parser::parser::parse(expr).unwrap_or_else(|error| unreachable!("{expr}: {error}"));
        let mut named = Self::default();
        walk_expr(&mut named, &parsed).unwrap();
        named
    }

    fn note_selector(&mut self, VectorSelector { name, matchers, .. }: &VectorSelector) {
        let Matchers { matchers, .. } = matchers;
        let labels = matchers.iter().map(|matcher| {
            let value = matches!(matcher.op, MatchOp::Equal).then(|| matcher.value.clone());
            (matcher.name.clone(), value)
        });
        let name = name.clone().expect("a selector names its metric");
        self.series.push(Series { name, labels: labels.collect() });
    }
}

impl ExprVisitor for Named {
    type Error = Infallible;

    fn pre_visit(&mut self, expr: &Expr) -> Result<bool, Infallible> {
        match expr {
            Expr::VectorSelector(selector) => self.note_selector(selector),
            Expr::MatrixSelector(MatrixSelector { vs, .. }) => self.note_selector(vs),
            Expr::Aggregate(AggregateExpr { modifier: Some(modifier), .. }) => {
                self.labels.extend(modifier.labels().labels.iter().cloned());
            }
            Expr::Binary(BinaryExpr { modifier: Some(modifier), .. }) => {
                let on = modifier.matching.iter().flat_map(|matching| &matching.labels().labels);
                self.labels.extend(on.cloned());
            }
            _ => {}
        }
        Ok(true)
    }
}

#[test]
fn every_selector_and_every_label_is_found() {
    let named = Named::of(
        r#"topk(1, sum by (a) (rate(x_total{b="1", c=~".*"}[5m]))) / on (d) group_left (e) max_over_time(y[1h:1m]) or vector(0)"#,
    );
    let labels = [("b".to_owned(), Some("1".to_owned())), ("c".to_owned(), None)];
    assert_eq!(named.series.iter().map(|series| series.name.as_str()).collect::<Vec<_>>(), ["x_total", "y"]);
    assert_eq!(named.series[0].labels, labels);
    assert_eq!(named.labels.iter().collect::<Vec<_>>(), ["a", "d"]);
}
