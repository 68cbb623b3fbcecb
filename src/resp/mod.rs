//! The wire: requests in, replies out, and the differences between RESP2 and RESP3.

mod argv;
mod error;
mod out;
mod parse;
mod reply;
pub mod request;

pub use argv::{Argv, Span};
pub use error::CmdError;
pub use out::Out;
pub use parse::{Limits, Parsed, Parser, ProtocolError};
pub use reply::{Bulks, Opened, Reply, Resp};
