//! Everything around the process that needs no server state: the log, the start-up lines, going
//! into the background, limits of the system, the crash report, and what INFO says about the
//! machine.
//!
//! The order at start-up: parse the configuration; [`process::ProcTitle::take`];
//! [`process::Supervisor::find`], and without one [`process::detach_from_terminal`] (it forks, so
//! no thread may exist); [`log::configure`]; [`crash::set_enabled`] and [`crash::log_panics`];
//! [`process::adjust_open_files`]; listeners; the logo of the [`banner`]; [`process::check_system`]; `Ready to
//! accept connections`; [`process::Supervisor::ready`].
pub mod banner;
pub mod crash;
pub mod log;
pub mod process;
pub mod system;
