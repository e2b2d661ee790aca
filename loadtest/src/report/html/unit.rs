//! How numbers are written: short beside an axis, in full elsewhere. Pure.

use indicatif::HumanCount;

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Things a second.
    Rate,
    /// Milliseconds.
    Milliseconds,
    /// Seconds since the run began.
    Seconds,
    /// The tail that is left of a distribution, as its inverse: 100 is the slowest hundredth.
    Tail,
}

impl Unit {
    /// In few characters, for round numbers.
    pub(super) fn short(self, value: f64) -> String {
        match self {
            Self::Count | Self::Rate => thousands(value),
            Self::Milliseconds if value >= 1_000.0 => time(value / 1_000.0),
            Self::Milliseconds if value < 0.1 => format!("{} µs", digits(value * 1_000.0, 2)),
            Self::Milliseconds => format!("{} ms", digits(value, 2)),
            Self::Seconds => time(value),
            Self::Tail => percentile(value),
        }
    }

    /// As exactly as a reader may want it.
    pub(super) fn full(self, value: f64) -> String {
        match self {
            Self::Count => whole(value),
            Self::Rate if value >= 100.0 => format!("{}/s", whole(value)),
            Self::Rate => format!("{}/s", digits(value, 3)),
            Self::Milliseconds if value >= 1_000.0 => format!("{} s", digits(value / 1_000.0, 3)),
            Self::Milliseconds => format!("{} ms", digits(value, 3)),
            Self::Seconds => format!("{value:.1} s"),
            Self::Tail => percentile(value),
        }
    }

    /// Its name in the page's script.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Milliseconds => "ms",
            Self::Seconds => "s",
            Self::Tail => "tail",
        }
    }
}

fn whole(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    HumanCount(value.round() as u64).to_string()
}

/// With so many digits that count, without zeros at the end of a fraction.
fn digits(value: f64, digits: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most some hundreds")]
    let before = value.abs().log10().floor() as i32 + 1;
    let places = usize::try_from(digits - before).unwrap_or(0).min(9);
    let text = format!("{value:.places$}");
    if places == 0 { text } else { text.trim_end_matches('0').trim_end_matches('.').to_owned() }
}

fn thousands(value: f64) -> String {
    let units = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (0.0, "")];
    let (unit, name) = units
        .into_iter()
        .find(|(unit, _)| value >= *unit)
        .map_or((1.0, ""), |(unit, name)| (unit.max(1.0), name));
    format!("{}{name}", digits(value / unit, 3))
}

/// Seconds as a clock shows them.
fn time(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "casts saturate")]
    let whole = seconds.round() as u64;
    match (whole / 3_600, whole / 60 % 60, whole % 60) {
        (0, 0, _) if whole < 60 => format!("{} s", digits(seconds, 2)),
        (0, minutes, 0) => format!("{minutes} min"),
        (0, minutes, seconds) => format!("{minutes}:{seconds:02}"),
        (hours, 0, 0) => format!("{hours} h"),
        (hours, minutes, seconds) => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

fn percentile(inverse: f64) -> String {
    let percent = 100.0 - 100.0 / inverse.max(1.0);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most some hundreds")]
    let places = (inverse.max(1.0).log10().ceil() as usize).clamp(1, 18) - 1;
    let text = format!("{percent:.places$}");
    let text = if places == 0 { &text } else { text.trim_end_matches('0').trim_end_matches('.') };
    format!("{text} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_beside_an_axis_are_short() {
        let short =
            |unit: Unit, values: &[f64]| values.iter().map(|value| unit.short(*value)).collect::<Vec<_>>();
        assert_eq!(short(Unit::Count, &[0.0, 7.0, 2_500.0, 1e6, 2e19]), ["0", "7", "2.5k", "1M", "20E"]);
        let milliseconds = short(Unit::Milliseconds, &[0.001, 0.05, 0.2, 5.0, 200.0, 5_000.0, 120_000.0]);
        assert_eq!(milliseconds, ["1 µs", "50 µs", "0.2 ms", "5 ms", "200 ms", "5 s", "2 min"]);
        let seconds = short(Unit::Seconds, &[0.0, 0.5, 30.0, 60.0, 90.0, 7_200.0, 9_000.0]);
        assert_eq!(seconds, ["0 s", "0.5 s", "30 s", "1 min", "1:30", "2 h", "2:30:00"]);
        let percentiles = short(Unit::Tail, &[1.0, 2.0, 10.0, 100.0, 1_000.0, 100_000.0]);
        assert_eq!(percentiles, ["0 %", "50 %", "90 %", "99 %", "99.9 %", "99.999 %"]);
    }

    #[test]
    fn numbers_in_full_are_as_exact_as_they_are_meant() {
        assert_eq!(Unit::Count.full(1_234_567.0), "1,234,567");
        assert_eq!([Unit::Rate.full(12_345.6), Unit::Rate.full(0.25)], ["12,346/s", "0.25/s"]);
        let milliseconds =
            [0.0, 0.084, 1.234, 12.34, 123.4, 1_234.0].map(|value| Unit::Milliseconds.full(value));
        assert_eq!(milliseconds, ["0 ms", "0.084 ms", "1.23 ms", "12.3 ms", "123 ms", "1.23 s"]);
        assert_eq!(Unit::Seconds.full(3.25), "3.2 s");
    }
}
