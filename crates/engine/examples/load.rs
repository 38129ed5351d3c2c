//! How long loading a compiled model takes, and how much memory: `load FILE`.

use std::error::Error;
use std::time::Instant;

use blindsight_engine::{Bundle, BundleLimits, Engine, memory};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("usage: load FILE")?;
    let bundle = Bundle::parse(&std::fs::read(path)?, &BundleLimits::default())?;
    let parsed = memory::peak_rss_bytes();
    let start = Instant::now();
    let engine = Engine::default();
    let model = engine.load(&bundle)?;
    let first = start.elapsed();
    let (peak, after) = (memory::peak_rss_bytes(), memory::rss_bytes());
    // The second time the scheme is there: what is left is the model's own.
    let start = Instant::now();
    drop(engine.load(&bundle)?);
    let mib = |bytes: u64| bytes >> 20;
    println!("parsed: peak {} MiB", mib(parsed));
    println!("loaded: peak {} MiB, {} MiB stay, {first:?}", mib(peak), mib(after));
    let own = model.byte_len() as u64;
    println!("of these model {} MiB, scheme {} MiB", mib(own), mib(model.shared_byte_len() as u64));
    println!("declared {} bytes, own {own} bytes", bundle.loaded_bytes());
    println!("loaded again: {:?}", start.elapsed());
    Ok(())
}
