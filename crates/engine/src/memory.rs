//! How much memory the process uses.

/// The largest resident set of the process so far, in bytes; zero where the system does not tell.
#[must_use]
pub fn peak_rss_bytes() -> u64 {
    field("VmHWM:")
}

/// The resident set of the process now, in bytes; zero where the system does not tell.
#[must_use]
pub fn rss_bytes() -> u64 {
    field("VmRSS:")
}

fn field(name: &str) -> u64 {
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return 0;
    };
    let value = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes = value.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
