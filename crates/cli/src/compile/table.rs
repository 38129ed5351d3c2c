//! What a compiled model will cost, for people.

use std::error::Error;
use std::fmt::Write;

use blindsight_compiler::{Code, Compiled, count_bootstraps};
use blindsight_contract::{Contract, Policy};

/// Sizes that follow from a contract.
pub(super) struct Figures {
    pub(super) keys: usize,
    pub(super) key_bytes: u64,
    pub(super) request_bytes: u64,
    pub(super) response_bytes: u64,
}

impl Figures {
    pub(super) fn of(compiled: &Compiled) -> Result<Self, Box<dyn Error>> {
        let contract = Contract::parse(&compiled.contract.to_bytes(), &Policy::default())?;
        Ok(Self {
            keys: contract.bundle().len(),
            key_bytes: contract.bundle().byte_len(contract.set()),
            request_bytes: contract.request().byte_len(contract.set()),
            response_bytes: contract.answer().byte_len(contract.set()),
        })
    }
}

/// One line for each figure.
pub(super) fn render(compiled: &Compiled) -> Result<String, Box<dyn Error>> {
    let figures = Figures::of(compiled)?;
    let forecast = compiled.contract.forecast;
    let megabytes = |bytes: u64| format!("{:.1} MB", bytes as f64 / 1e6);
    let kilobytes = |bytes: u64| format!("{:.1} kB", bytes as f64 / 1e3);
    let bootstraps = match &compiled.code {
        Code::Steps(program) => count_bootstraps(program),
        Code::Batch(_) => 0,
        #[cfg(feature = "exact")]
        Code::Signs(network) => network.signs(),
    };
    let inputs = compiled.contract.request.inputs();
    let rows = [
        ("keys, sent once", format!("{} of {}", figures.keys, megabytes(figures.key_bytes))),
        ("request", kilobytes(figures.request_bytes)),
        ("answer", kilobytes(figures.response_bytes)),
        ("bootstraps", bootstraps.to_string()),
        ("inputs of a request", inputs.to_string()),
        ("one request (two cores, AVX-512)", format!("{:.3} s", forecast.seconds)),
        ("model in memory", megabytes(compiled.loaded_bytes)),
        ("evaluator's memory in all", megabytes(forecast.memory_bytes)),
        ("fails by chance", format!("2^{:.1}", forecast.log2_failure)),
        ("error of a score (rms)", format!("{:.3}", forecast.score_error)),
    ];
    let mut text = String::new();
    for (name, figure) in rows {
        writeln!(text, "{name:<34} {figure:>18}")?;
    }
    writeln!(text, "\nplans that were considered")?;
    for candidate in &compiled.candidates {
        writeln!(text, "- {}: {}", candidate.name, candidate.verdict)?;
        if let Some(costs) = candidate.costs {
            writeln!(
                text,
                "  {:.2} s, {} of memory, {} of keys, {} a request, score error {:.4}, agreement \
                 {:.1} %",
                costs.seconds,
                megabytes(costs.memory_bytes),
                megabytes(costs.key_bytes),
                kilobytes(costs.request_bytes),
                costs.score_error,
                100.0 * costs.agreement
            )?;
        }
    }
    Ok(text)
}
