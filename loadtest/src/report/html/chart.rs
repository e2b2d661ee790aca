//! A line chart: curves as SVG that stretches with the page, words and numbers as HTML that does not. Pure.
//!
//! Every chart says the same three times: as a picture, as a table for whoever cannot see it, and as numbers for the page's
//! script, which shows what is under the pointer. A value that is not known, or that is no number, is a gap in its curve.

use std::fmt::Write as _;

use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use super::scale::Scale;
use super::unit::Unit;

/// The picture's width and height in its own units.
const SIZE: f64 = 1_000.0;
/// The most rows of the table.
const ROWS: usize = 40;

/// A chart.
#[derive(Clone, Debug)]
pub(super) struct Chart {
    /// Its name in the page's address.
    pub(super) id: &'static str,
    pub(super) title: &'static str,
    /// What is shown, in a sentence.
    pub(super) caption: String,
    pub(super) across: Axis,
    pub(super) up: Axis,
    /// Where the points lie across, rising.
    pub(super) at: Vec<f64>,
    pub(super) curves: Vec<Curve>,
    /// A place across that is worth a line, and why.
    pub(super) mark: Option<(f64, &'static str)>,
}

/// An axis of a chart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) name: &'static str,
    pub(super) unit: Unit,
    pub(super) scale: Scale,
}

/// A curve: a value, or none, for each place of its chart.
#[derive(Clone, Debug)]
pub(super) struct Curve {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) values: Vec<Option<f64>>,
}

/// How a curve is drawn; the page's style gives each a colour and a stroke of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    Blue,
    /// With the area below it.
    BlueArea,
    Green,
    Orange,
    Red,
    Purple,
    /// Dashed: what was wanted, not what was.
    Wanted,
}

/// What the page's script wants to know of a chart.
#[derive(Serialize)]
struct Numbers<'a> {
    across: &'static str,
    up: &'static str,
    at: Vec<f64>,
    /// The same as places from 0 to 1.
    places: Vec<f64>,
    curves: Vec<(&'a str, &'static str, Vec<Option<f64>>)>,
}

impl Chart {
    /// The chart as a figure.
    pub(super) fn figure(&self) -> Markup {
        html! {
            figure.chart id=(self.id) {
                figcaption {
                    h2 { (self.title) }
                    p { (self.caption) }
                }
                @if self.is_empty() {
                    p.nothing { "There is nothing to show." }
                } @else {
                    (self.legend())
                    (self.plot())
                    (self.table())
                    script.numbers type="application/json" { (json(&self.numbers())) }
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.curves.iter().all(|curve| curve.values.iter().all(Option::is_none))
    }

    fn legend(&self) -> Markup {
        html! {
            ul.legend {
                @for curve in &self.curves {
                    li {
                        svg.swatch viewBox="0 0 24 8" aria-hidden="true" {
                            path class=(curve.look.class()) d="M1 4L23 4" {}
                        }
                        (curve.name)
                    }
                }
            }
        }
    }

    fn plot(&self) -> Markup {
        let percent = |place: f64| format!("{:.2}%", place * 100.0);
        let (across, up) = (self.across, self.up);
        html! {
            div.plot {
                div.up aria-hidden="true" {
                    @for tick in up.scale.ticks() {
                        span style={ "bottom:" (percent(up.scale.place(tick))) } { (up.unit.short(tick)) }
                    }
                }
                div.picture {
                    (self.picture())
                    @if let Some((value, why)) = self.mark {
                        span.note style={ "right:" (percent(1.0 - across.scale.place(value))) } { (why) }
                    }
                }
                div.across aria-hidden="true" {
                    @for tick in across.scale.ticks() {
                        span style={ "left:" (percent(across.scale.place(tick))) } { (across.unit.short(tick)) }
                    }
                }
                @if across.unit != Unit::Seconds {
                    div.name aria-hidden="true" { (across.name) }
                }
            }
        }
    }

    /// The curves alone. Well-formed XML, too.
    pub(super) fn picture(&self) -> Markup {
        html! {
            svg viewBox={ "0 0 " (SIZE) " " (SIZE) } preserveAspectRatio="none" role="img" aria-labelledby={ (self.id) "-title" } {
                title id={ (self.id) "-title" } { (self.title) ": " (self.caption) }
                path.grid d=(self.grid()) {}
                @if let Some((value, _)) = self.mark {
                    path.mark d={ "M" (self.x(value)) " 0V" (SIZE) } {}
                }
                @for curve in &self.curves {
                    @if curve.look == Look::BlueArea {
                        path.area d=(self.area(curve)) {}
                    }
                    path class=(curve.look.class()) d=(self.path(curve)) {}
                    path class={ "dots " (curve.look.class()) } d=(self.dots(curve)) {}
                }
            }
        }
    }

    fn grid(&self) -> String {
        self.up.scale.ticks().into_iter().fold(String::new(), |mut path, tick| {
            write(&mut path, format_args!("M0 {}H{SIZE}", self.y(tick)));
            path
        })
    }

    /// The curve as a path: a line through neighbours.
    fn path(&self, curve: &Curve) -> String {
        let mut path = String::new();
        for stretch in self.stretches(curve).iter().filter(|stretch| stretch.len() > 1) {
            for (place, (at, value)) in stretch.iter().enumerate() {
                let step = if place == 0 { 'M' } else { 'L' };
                write(&mut path, format_args!("{step}{} {}", self.x(*at), self.y(*value)));
            }
        }
        path
    }

    /// The points of the curve that have no neighbour, each as a line of no length, which ends round on both sides.
    fn dots(&self, curve: &Curve) -> String {
        let mut path = String::new();
        for stretch in self.stretches(curve) {
            if let [(at, value)] = stretch[..] {
                write(&mut path, format_args!("M{0} {1}L{0} {1}", self.x(at), self.y(value)));
            }
        }
        path
    }

    fn area(&self, curve: &Curve) -> String {
        let mut path = String::new();
        for stretch in self.stretches(curve) {
            let (first, last) = (stretch[0].0, stretch[stretch.len() - 1].0);
            write(&mut path, format_args!("M{} {SIZE}", self.x(first)));
            for (at, value) in &stretch {
                write(&mut path, format_args!("L{} {}", self.x(*at), self.y(*value)));
            }
            write(&mut path, format_args!("L{} {SIZE}Z", self.x(last)));
        }
        path
    }

    /// The points of the curve, parted where a value is not known.
    fn stretches(&self, curve: &Curve) -> Vec<Vec<(f64, f64)>> {
        let points: Vec<(f64, Option<f64>)> = self.at.iter().copied().zip(curve.known()).collect();
        points
            .split(|(_, value)| value.is_none())
            .map(|stretch| stretch.iter().filter_map(|&(at, value)| Some((at, value?))).collect())
            .filter(|stretch: &Vec<_>| !stretch.is_empty())
            .collect()
    }

    fn x(&self, value: f64) -> f64 {
        rounded(self.across.scale.place(value) * SIZE, 10.0)
    }

    fn y(&self, value: f64) -> f64 {
        rounded((1.0 - self.up.scale.place(value)) * SIZE, 10.0)
    }

    fn table(&self) -> Markup {
        let every = self.at.len().div_ceil(ROWS).max(1);
        // Counted from the end, so that the last row is one of them.
        let rows = (0..self.at.len()).filter(|row| (self.at.len() - 1 - row).is_multiple_of(every));
        let cell =
            |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| self.up.unit.full(value));
        html! {
            details {
                summary { "As a table" }
                div.scroll {
                    table {
                        thead {
                            tr {
                                th scope="col" { (self.across.name) }
                                @for curve in &self.curves { th scope="col" { (curve.name) } }
                            }
                        }
                        tbody {
                            @for row in rows {
                                tr {
                                    th scope="row" { (self.across.unit.full(self.at[row])) }
                                    @for curve in &self.curves { td { (cell(curve.values[row])) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    fn numbers(&self) -> Numbers<'_> {
        let exactly = |value: f64| rounded(value, 1_000.0);
        Numbers {
            across: self.across.unit.name(),
            up: self.up.unit.name(),
            at: self.at.iter().copied().map(exactly).collect(),
            places: self.at.iter().map(|at| rounded(self.across.scale.place(*at), 10_000.0)).collect(),
            curves: self
                .curves
                .iter()
                .map(|curve| {
                    (
                        curve.name.as_str(),
                        curve.look.class(),
                        curve.known().map(|value| value.map(exactly)).collect(),
                    )
                })
                .collect(),
        }
    }
}

impl Curve {
    fn known(&self) -> impl Iterator<Item = Option<f64>> {
        self.values.iter().map(|value| value.filter(|value| value.is_finite()))
    }
}

impl Look {
    fn class(self) -> &'static str {
        match self {
            Self::Blue | Self::BlueArea => "curve blue",
            Self::Green => "curve green",
            Self::Orange => "curve orange",
            Self::Red => "curve red",
            Self::Purple => "curve purple",
            Self::Wanted => "curve wanted",
        }
    }
}

/// As JSON that may stand in a `script`: nothing in it ends one.
pub(super) fn json(value: &impl Serialize) -> Markup {
    let json = serde_json::to_string(value).expect("numbers, texts and lists of them");
    PreEscaped(json.replace('<', "\\u003c"))
}

fn rounded(value: f64, parts: f64) -> f64 {
    (value * parts).round() / parts
}

fn write(path: &mut String, piece: std::fmt::Arguments<'_>) {
    path.write_fmt(piece).expect("writing to a string cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(at: &[f64], values: &[Option<f64>]) -> Chart {
        let curve = Curve { name: "events".into(), look: Look::BlueArea, values: values.to_vec() };
        Chart {
            id: "chart",
            title: "Events",
            caption: "all".into(),
            across: Axis { name: "time", unit: Unit::Seconds, scale: Scale::time(10.0) },
            up: Axis { name: "events", unit: Unit::Count, scale: Scale::amounts(100.0) },
            at: at.to_vec(),
            curves: vec![curve],
            mark: None,
        }
    }

    #[test]
    fn a_curve_goes_through_its_points_from_the_bottom_left() {
        let chart = chart(&[0.0, 5.0, 10.0], &[Some(0.0), Some(50.0), Some(100.0)]);
        assert_eq!(chart.path(&chart.curves[0]), "M0 1000L500 500L1000 0");
        assert_eq!(chart.area(&chart.curves[0]), "M0 1000L0 1000L500 500L1000 0L1000 1000Z");
        assert_eq!(chart.grid(), "M0 1000H1000M0 800H1000M0 600H1000M0 400H1000M0 200H1000M0 0H1000");
    }

    #[test]
    fn what_is_not_known_is_a_gap_and_a_lone_point_is_a_dot() {
        let chart = chart(
            &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0],
            &[None, Some(100.0), None, Some(0.0), Some(0.0), Some(f64::NAN)],
        );
        assert_eq!(chart.path(&chart.curves[0]), "M300 1000L400 1000");
        assert_eq!(chart.dots(&chart.curves[0]), "M100 0L100 0");
    }

    #[test]
    fn a_table_ends_with_the_last_point_however_many_there_are() {
        let at: Vec<f64> = (0..601).map(f64::from).collect();
        let table = chart(&at, &vec![Some(7.0); at.len()]).table().into_string();
        let rows = table.matches("<tr>").count() - 1;
        assert!((ROWS / 2..=ROWS).contains(&rows), "{rows}");
        assert!(table.contains("600.0 s") && !table.contains("599.0 s"), "{table}");
    }

    #[test]
    fn json_cannot_end_the_script_that_it_stands_in() {
        let text = "</script><script>alert(1)</script><!--";
        let json = json(&[text]).into_string();
        assert!(!json.contains('<'), "{json}");
        let read: Vec<String> = serde_json::from_str(&json).expect("still JSON");
        assert_eq!(read, [text]);
    }
}
