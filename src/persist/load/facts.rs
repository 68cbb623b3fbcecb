//! What a file says of itself, for the log.

/// Says in the log what a fact about a file means.
pub(super) fn log(name: &[u8], value: &[u8], now_ms: u64) {
    let text = String::from_utf8_lossy(value);
    match name {
        b"redis-ver" => tracing::info!("Loading RDB produced by version {text}"),
        b"valkey-ver" => tracing::info!("Loading RDB produced by valkey version {text}"),
        b"ctime" => {
            let written = number(value).unwrap_or(0);
            let age = (now_ms / 1000).saturating_sub(written);
            tracing::info!("RDB age {age} seconds");
        }
        b"used-mem" => {
            let megabytes = number(value).unwrap_or(0) as f64 / f64::from(1 << 20);
            tracing::info!("RDB memory usage when created {megabytes:.2} Mb");
        }
        b"aof-base" if number(value).is_some_and(|set| set != 0) => {
            tracing::info!("RDB is base AOF");
        }
        // Fields meant for the log begin so.
        [b'%', ..] => tracing::info!("RDB '{}': {text}", String::from_utf8_lossy(name)),
        _ => {}
    }
}

/// The number in a field.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
