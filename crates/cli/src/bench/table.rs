//! The summary for people.

use std::fmt::Write;

use super::Summary;

pub(super) fn render(summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, summary);
    text
}

fn write_all(out: &mut String, summary: &Summary) -> std::fmt::Result {
    for primitive in &summary.primitives {
        let name = format!("{} ({} thread)", primitive.name, primitive.threads);
        writeln!(out, "{name:<58} {:>10.1} us", primitive.microseconds)?;
    }
    writeln!(out)?;
    for pass in &summary.passes {
        writeln!(
            out,
            "{:<58} {:>10.2} s",
            format!("whole network ({} thread)", pass.threads),
            pass.seconds
        )?;
        for stage in &pass.stages {
            writeln!(out, "    {:<54} {:>10.2} s", stage.stage, stage.seconds)?;
        }
        let slowest = pass.linear_layers.iter().fold(0.0, |m: f64, x| m.max(*x));
        writeln!(out, "    {:<54} {:>10.3} s", "slowest convolution layer", slowest)?;
    }
    writeln!(out, "{:<58} {:>10.2} x", "speed-up by threads", summary.speedup)?;
    for other in &summary.others {
        let (name, ratio) = (&other.model, other.ratio);
        writeln!(out, "{name:<58} {:>10.2} s, {ratio:.3} times {}", other.seconds, summary.model)?;
    }
    for keygen in &summary.keygen_seconds {
        let name = format!("key generation ({} thread)", keygen.threads);
        writeln!(out, "{name:<58} {:>10.2} s", keygen.seconds)?;
    }
    writeln!(out)?;
    let bytes = &summary.bytes;
    for (name, count) in [
        ("evaluation keys, sent", bytes.evaluation_keys),
        ("evaluation keys, expanded", bytes.evaluation_keys_expanded),
        ("request", bytes.request),
        ("response", bytes.response),
        ("encoded model", bytes.encoded_model),
        ("matrices that models share", bytes.matrices),
        ("evaluator's peak memory", summary.evaluator_process.peak_rss_bytes as usize),
    ] {
        writeln!(out, "{name:<58} {:>10.3} MB", count as f64 / 1e6)?;
    }
    let parameters = &summary.parameters;
    writeln!(
        out,
        "{:<58} {:>10.1} of {}",
        "log2 of the largest modulus",
        parameters.log2_largest_modulus,
        parameters.log2_modulus_limit
    )?;
    let Some(failure) = parameters.log2_failure_per_classification else { return Ok(()) };
    let name = "log2 of the failure probability of a classification";
    writeln!(out, "{name:<58} {failure:>10.1}")
}
