//! The dashboards as they are in `grafana/dashboards`, and their queries as Grafana would send them.

use std::fs;

use serde::Deserialize;
use serde_json::Value;

use crate::GRAFANA;

/// A dashboard.
#[derive(Debug, Deserialize)]
pub(crate) struct Dashboard {
    pub(crate) uid: String,
    pub(crate) title: String,
    pub(crate) tags: Vec<String>,
    pub(crate) links: Vec<Value>,
    pub(crate) annotations: Annotations,
    pub(crate) templating: Templating,
    pub(crate) panels: Vec<Panel>,
}

/// What is marked in all of its graphs.
#[derive(Debug, Deserialize)]
pub(crate) struct Annotations {
    pub(crate) list: Vec<Target>,
}

/// Its variables.
#[derive(Debug, Deserialize)]
pub(crate) struct Templating {
    pub(crate) list: Vec<Variable>,
}

/// A variable.
#[derive(Debug, Deserialize)]
pub(crate) struct Variable {
    pub(crate) name: String,
    /// How its values are found: `label_values(SELECTOR, LABEL)`.
    pub(crate) definition: Option<String>,
    pub(crate) current: Value,
}

/// A panel, or the headline of a row.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Panel {
    pub(crate) id: u32,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) title: String,
    #[serde(default)]
    pub(crate) description: String,
    pub(crate) grid_pos: Place,
    #[serde(default)]
    pub(crate) field_config: Value,
    #[serde(default)]
    pub(crate) datasource: Value,
    #[serde(default)]
    pub(crate) targets: Vec<Target>,
}

/// Where a panel is, in cells of a grid that is 24 wide.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Place {
    pub(crate) x: u32,
    pub(crate) y: u32,
    pub(crate) w: u32,
    pub(crate) h: u32,
}

/// A query.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) datasource: Value,
    pub(crate) expr: String,
    #[serde(default)]
    pub(crate) legend_format: String,
}

impl Dashboard {
    /// All of them.
    pub(crate) fn all() -> Vec<Self> {
        let files = fs::read_dir(format!("{GRAFANA}/dashboards")).unwrap();
        let paths = files.map(|file| file.unwrap().path());
        let read = |path| serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        let mut dashboards: Vec<Self> = paths.map(read).collect();
        dashboards.sort_by(|a, b| a.uid.cmp(&b.uid));
        dashboards
    }

    /// Its panels, without the headlines of rows.
    pub(crate) fn graphs(&self) -> impl Iterator<Item = &Panel> {
        self.panels.iter().filter(|panel| panel.kind != "row")
    }

    /// The selectors that the values of its variables are taken from.
    pub(crate) fn selectors(&self) -> impl Iterator<Item = &str> {
        let definitions = self.templating.list.iter().filter_map(|variable| variable.definition.as_deref());
        definitions
            .map(|definition| definition.strip_prefix("label_values(").unwrap().rsplit_once(", ").unwrap().0)
    }
}

/// Every query of every dashboard: where it stands, and what it asks.
pub(crate) fn queries() -> Vec<(String, Target)> {
    let panels = Dashboard::all().into_iter().flat_map(|dashboard| {
        dashboard
            .panels
            .into_iter()
            .map(move |panel| (format!("{}: {}", dashboard.title, panel.title), panel))
    });
    panels
        .flat_map(|(place, panel)| panel.targets.into_iter().map(move |target| (place.clone(), target)))
        .collect()
}

/// A query with the variables as Grafana would fill them in.
pub(crate) fn filled_in(expr: &str) -> String {
    let variables = [("$__rate_interval", "1m"), ("$instance", ".*"), ("$job", "campaign-manager")];
    let filled = variables.iter().fold(expr.to_owned(), |expr, (name, value)| expr.replace(name, value));
    assert!(!filled.contains('$'), "a variable that no dashboard has: {expr}");
    filled
}
