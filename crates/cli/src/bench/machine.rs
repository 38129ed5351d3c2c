//! What the figures were measured on.

use serde::Serialize;

#[derive(Debug, Serialize)]
pub(super) struct Machine {
    processor: String,
    cores: usize,
    /// Whether the AVX-512 IFMA kernels run.
    accelerated: bool,
    /// Load average of the last minute when the measurement ended.
    load: String,
}

pub(super) fn describe() -> Machine {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name"));
    let processor = model.map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    Machine {
        processor: processor.to_owned(),
        cores: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        accelerated: blindsight_ring::kernels::is_accelerated(),
        load: load.split(' ').next().unwrap_or_default().to_owned(),
    }
}
