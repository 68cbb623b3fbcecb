//! The `tracing` layer: which events are logged, and their way to the sink.
use super::{Level, line, sink};
use std::cell::RefCell;
use tracing::{Event, Metadata, Subscriber, level_filters::LevelFilter, subscriber::Interest};
use tracing_subscriber::{
    Layer, Registry,
    layer::{Context, SubscriberExt},
};

/// Installs the log for the process. Again, or after another subscriber was installed, it does
/// nothing.
pub fn init() {
    // An error means that a subscriber is there already.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(LogLayer));
}

struct LogLayer;

/// Whether an event is logged under the present threshold. The answer is cached at each call site
/// until [`super::set_level`] has the caches rebuilt.
fn is_wanted(about: &Metadata<'_>) -> bool {
    let level = Level::of(*about.level());
    let ours = about.target().split("::").next() == Some(env!("CARGO_PKG_NAME"));
    level.is_on() && (ours || level >= Level::Warning)
}

impl<S: Subscriber> Layer<S> for LogLayer {
    fn register_callsite(&self, about: &'static Metadata<'static>) -> Interest {
        if about.is_event() && is_wanted(about) { Interest::always() } else { Interest::never() }
    }

    fn enabled(&self, about: &Metadata<'_>, _: Context<'_, S>) -> bool {
        about.is_event() && is_wanted(about)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(match super::level() {
            Level::Debug => LevelFilter::TRACE,
            Level::Verbose => LevelFilter::DEBUG,
            Level::Notice => LevelFilter::INFO,
            Level::Warning => LevelFilter::WARN,
            Level::Nothing => LevelFilter::OFF,
        })
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        thread_local! {
            /// The line under construction, kept for its capacity.
            static LINE: RefCell<String> = const { RefCell::new(String::new()) };
        }
        let head = line::Head {
            // Asked each time: going into the background changes it.
            pid: std::process::id(),
            role: super::role(),
            level: Level::of(*event.metadata().level()),
            at: line::Moment::now(),
        };
        // Taken out while in use: a value's Debug may log in its turn. A thread that is ending goes
        // without.
        let mut text = LINE.try_with(RefCell::take).unwrap_or_default();
        line::write_line(&mut text, line::style(), &head, event);
        sink::write(text.as_bytes());
        if sink::syslog_is_on() {
            line::write_message(&mut text, event);
            sink::write_syslog(head.level, &text);
        }
        let _ = LINE.try_with(|kept| kept.replace(text));
    }
}
