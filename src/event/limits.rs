//! What one event may be.

/// The most that `event_id`, `event_type` and `user_id` can be allowed to have, in bytes.
pub const MOST_TEXT_BYTES: u16 = 1024;

/// Limits of one event, each configurable and each named by the error that it causes.
#[derive(Clone, Debug, PartialEq, Eq, clap::Args)]
pub struct Limits {
    /// The largest event accepted, in bytes of its JSON
    #[arg(long, env = "MAX_EVENT_BYTES", default_value_t = Limits::DEFAULT.max_event_bytes, value_parser = clap::value_parser!(u32).range(64..=16_777_216))]
    pub max_event_bytes: u32,
    /// The deepest nesting accepted, in arrays and objects
    #[arg(long, env = "MAX_EVENT_DEPTH", default_value_t = Limits::DEFAULT.max_depth, value_parser = clap::value_parser!(u16).range(2..=1000))]
    pub max_depth: u16,
    /// The longest `event_id` accepted, in bytes
    #[arg(long, env = "MAX_EVENT_ID_BYTES", default_value_t = Limits::DEFAULT.max_event_id_bytes, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_TEXT_BYTES)))]
    pub max_event_id_bytes: u16,
    /// The longest `user_id` accepted, in bytes
    #[arg(long, env = "MAX_USER_ID_BYTES", default_value_t = Limits::DEFAULT.max_user_id_bytes, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_TEXT_BYTES)))]
    pub max_user_id_bytes: u16,
    /// The longest `event_type` accepted, in bytes
    #[arg(long, env = "MAX_EVENT_TYPE_BYTES", default_value_t = Limits::DEFAULT.max_event_type_bytes, value_parser = clap::value_parser!(u16).range(1..=i64::from(MOST_TEXT_BYTES)))]
    pub max_event_type_bytes: u16,
}

impl Limits {
    /// Those that hold unless they are set.
    pub const DEFAULT: Self = Self {
        max_event_bytes: 65_536,
        max_depth: 64,
        max_event_id_bytes: 128,
        max_user_id_bytes: 256,
        max_event_type_bytes: 256,
    };
}
