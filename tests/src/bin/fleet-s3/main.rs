//! A bucket for tests and for `just fleet`: as much of S3 as the service uses, its objects files of a
//! folder. Whoever signs a request in whatever way is let in, so it belongs on this machine alone.
//!
//! `fleet-s3 FOLDER ADDRESS` prints `listening on http://ADDRESS`. The first part of a path, the bucket,
//! is a folder in FOLDER, made when the first object comes.

mod answers;
mod objects;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use actix_web::web::{self, Data, PayloadConfig};
use actix_web::{App, HttpServer};

use objects::Objects;

/// The longest object.
const LONGEST: usize = 1 << 30;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(address)) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: fleet-s3 FOLDER ADDRESS");
        return ExitCode::FAILURE;
    };
    match serve(PathBuf::from(folder), &address) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("fleet-s3: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(folder: PathBuf, address: &str) -> std::io::Result<()> {
    let objects = Data::from(Arc::new(Objects::open(folder)?));
    actix_web::rt::System::new().block_on(async move {
        let app = move || {
            App::new()
                .app_data(objects.clone())
                .app_data(PayloadConfig::new(LONGEST))
                .default_service(web::to(answers::answer))
        };
        let server = HttpServer::new(app).workers(1).shutdown_timeout(1).bind(address)?;
        for address in server.addrs() {
            println!("listening on http://{address}");
        }
        std::io::stdout().flush()?;
        server.run().await
    })
}
