//! The form of the dashboards: what Grafana would take without a word and show wrongly.

use std::collections::BTreeSet;
use std::fs;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::GRAFANA;
use crate::dashboard::{Dashboard, Place};

const WIDTH: u32 = 24;

#[derive(Deserialize)]
struct Provisioned {
    datasources: Vec<DataSource>,
}

#[derive(Deserialize)]
struct DataSource {
    uid: String,
}

fn overlap(a: Place, b: Place) -> bool {
    a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h
}

#[test]
fn ids_and_titles_are_unique() {
    let dashboards = Dashboard::all();
    assert_eq!(dashboards.len(), 5);
    assert_eq!(dashboards.iter().map(|dashboard| &dashboard.uid).collect::<BTreeSet<_>>().len(), 5);
    assert_eq!(dashboards.iter().map(|dashboard| &dashboard.title).collect::<BTreeSet<_>>().len(), 5);
    for dashboard in &dashboards {
        let ids: BTreeSet<_> = dashboard.panels.iter().map(|panel| panel.id).collect();
        assert_eq!(ids.len(), dashboard.panels.len(), "{}", dashboard.title);
    }
}

#[test]
fn panels_fill_the_grid_and_none_lies_over_another() {
    for dashboard in Dashboard::all() {
        for (index, panel) in dashboard.panels.iter().enumerate() {
            let place = panel.grid_pos;
            assert!(place.x + place.w <= WIDTH, "{}: {} leaves the grid", dashboard.title, panel.title);
            for other in &dashboard.panels[..index] {
                let both = (&dashboard.title, &panel.title, &other.title);
                assert!(!overlap(place, other.grid_pos), "one lies over the other: {both:?}");
            }
        }
        let cells: u32 = dashboard.panels.iter().map(|panel| panel.grid_pos.w * panel.grid_pos.h).sum();
        let bottom = dashboard.panels.iter().map(|panel| panel.grid_pos.y + panel.grid_pos.h).max().unwrap();
        assert_eq!(cells, bottom * WIDTH, "{} has a gap", dashboard.title);
    }
}

#[test]
fn each_panel_says_what_it_means_and_in_which_unit() {
    for dashboard in Dashboard::all() {
        for panel in dashboard.graphs() {
            let place = format!("{}: {}", dashboard.title, panel.title);
            assert!(panel.description.len() > 10 && panel.description.ends_with('.'), "{place}");
            assert!(panel.field_config["defaults"]["unit"].is_string(), "{place} has no unit");
            assert!(!panel.targets.is_empty(), "{place} asks nothing");
            let legends: BTreeSet<_> = panel.targets.iter().map(|target| &target.legend_format).collect();
            assert_eq!(legends.len(), panel.targets.len(), "{place}: two queries with one legend");
        }
    }
}

#[test]
fn each_query_goes_to_the_provisioned_prometheus_unless_another_is_chosen() {
    let provisioned =
        fs::read_to_string(format!("{GRAFANA}/provisioning/datasources/prometheus.yml")).unwrap();
    let provisioned: Provisioned = serde_saphyr::from_str(&provisioned).unwrap();
    let chosen = json!({"type": "prometheus", "uid": "${datasource}"});
    for dashboard in Dashboard::all() {
        let variable = &dashboard.templating.list[0];
        assert_eq!(variable.name, "datasource");
        assert_eq!(variable.current["value"], Value::from(provisioned.datasources[0].uid.as_str()));
        let targets = dashboard.panels.iter().flat_map(|panel| &panel.targets);
        for target in targets.chain(&dashboard.annotations.list) {
            assert_eq!(target.datasource, chosen, "{}: {}", dashboard.title, target.expr);
        }
        for panel in dashboard.graphs() {
            assert_eq!(panel.datasource, chosen, "{}: {}", dashboard.title, panel.title);
        }
    }
}

#[test]
fn each_dashboard_leads_to_the_others() {
    for dashboard in Dashboard::all() {
        let link = &dashboard.links[0];
        assert_eq!((&link["type"], &link["includeVars"]), (&json!("dashboards"), &json!(true)));
        assert_eq!(link["tags"], json!(dashboard.tags));
        assert_eq!(dashboard.tags, ["campaign-manager"]);
    }
}
