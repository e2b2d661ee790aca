//! The life of a campaign.
//!
//! ```text
//! draft ── activate ──▶ active ── pause ──▶ paused        archive: from each of the three, for good
//!                         ▲─── activate ──────┘
//! ```
//!
//! A draft may be archived without having been active: there is no deletion, and to activate what nobody wants would
//! make it fire.

use std::fmt;
use std::str::FromStr;

/// Where a campaign is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Being written; matches nothing.
    Draft,
    /// Matches events.
    Active,
    /// Matches nothing for now.
    Paused,
    /// Over.
    Archived,
}

/// A change of status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// To [`Status::Active`].
    Activate,
    /// To [`Status::Paused`].
    Pause,
    /// To [`Status::Archived`].
    Archive,
}

/// A step that the status does not allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a campaign that is {status} cannot be {}; {}", .step.participle(), steps(.allowed))]
pub struct WrongStep {
    /// Where the campaign is.
    pub status: Status,
    /// What was asked for.
    pub step: Step,
    /// What can be asked for instead.
    pub allowed: &'static [Step],
}

/// A text that names no status.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a status; use draft, active, paused or archived")]
pub struct UnknownStatus(String);

impl Status {
    /// Every status, in the order of a life.
    pub const ALL: [Self; 4] = [Self::Draft, Self::Active, Self::Paused, Self::Archived];

    /// The steps that lead on from here.
    #[must_use]
    pub fn steps(self) -> &'static [Step] {
        match self {
            Self::Draft | Self::Paused => &[Step::Activate, Step::Archive],
            Self::Active => &[Step::Pause, Step::Archive],
            Self::Archived => &[],
        }
    }

    /// The status after `step`.
    pub fn after(self, step: Step) -> Result<Self, WrongStep> {
        let allowed = self.steps();
        if !allowed.contains(&step) {
            return Err(WrongStep { status: self, step, allowed });
        }
        Ok(match step {
            Step::Activate => Self::Active,
            Step::Pause => Self::Paused,
            Step::Archive => Self::Archived,
        })
    }

    /// Its name, in the API and in the store.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Active => "active",
            Self::Paused => "paused",
            Self::Archived => "archived",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Status {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.name() == text)
            .ok_or_else(|| UnknownStatus(text.chars().take(64).collect()))
    }
}

impl Step {
    /// Its name in the API.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Pause => "pause",
            Self::Archive => "archive",
        }
    }

    fn participle(self) -> &'static str {
        match self {
            Self::Activate => "activated",
            Self::Pause => "paused",
            Self::Archive => "archived",
        }
    }
}

fn steps(allowed: &[Step]) -> String {
    match allowed {
        [] => "it stays so".to_owned(),
        steps => {
            let names: Vec<&str> = steps.iter().map(|step| step.name()).collect();
            format!("possible now: {}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_campaign_goes_from_draft_to_active_and_back_and_forth_to_paused_until_archived() {
        let steps = [Step::Activate, Step::Pause, Step::Activate, Step::Archive];
        let life: Vec<Status> = steps
            .iter()
            .scan(Status::Draft, |status, step| {
                *status = status.after(*step).expect("an allowed step");
                Some(*status)
            })
            .collect();
        assert_eq!(life, [Status::Active, Status::Paused, Status::Active, Status::Archived]);
    }

    #[test]
    fn every_other_step_is_refused_with_the_steps_allowed() {
        let refusals: Vec<String> = Status::ALL
            .into_iter()
            .flat_map(|status| [Step::Activate, Step::Pause, Step::Archive].map(|step| status.after(step)))
            .filter_map(|result| Some(result.err()?.to_string()))
            .collect();
        insta::assert_snapshot!(refusals.join("\n"));
    }

    #[test]
    fn a_status_reads_back_as_shown() {
        for status in Status::ALL {
            assert_eq!(status.to_string().parse(), Ok(status));
        }
        assert!("Draft".parse::<Status>().is_err());
    }
}
