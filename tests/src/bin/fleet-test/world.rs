//! A fleet on this machine: a database, a bucket, front-ends, and workers behind wires that can be cut.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use blindsight_fake::Spec;
use blindsight_tests::repository;

use crate::Outcome;
use crate::namespace::Namespace;
use crate::node::{Process, Start, sibling};
use crate::relay::Relay;
use crate::rows::Rows;

/// What differs from one fleet to another.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) name: &'static str,
    pub(crate) fronts: usize,
    pub(crate) lease_seconds: u64,
    /// Whether workers hang on wires that can be cut. What is measured does not: a wire costs two hops.
    pub(crate) with_wires: bool,
    /// Flags of workers.
    pub(crate) flags: Vec<String>,
}

/// A running fleet. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct World {
    plan: Plan,
    /// Where front-ends listen, whether they run or not.
    pub(crate) addresses: Arc<[SocketAddr]>,
    fronts: Vec<Option<Process>>,
    bucket: Option<Process>,
    bucket_address: SocketAddr,
    pub(crate) postgres: Postgres,
    pub(crate) rows: Rows,
    started: usize,
    logs: PathBuf,
    /// Goes last: all others have their files in it.
    folder: tempfile::TempDir,
}

/// A worker, and the wires that it may hang on.
#[derive(Debug)]
pub(crate) struct Worker {
    pub(crate) process: Process,
    /// As the database knows it.
    pub(crate) name: String,
    wires: Vec<Relay>,
    /// Where it runs, if not on this machine's own network.
    pub(crate) namespace: Option<Namespace>,
}

/// Limits that no test reaches.
const NO_LIMITS: [(&str, &str); 13] = [
    ("--queue", "1000000"),
    ("--jobs-per-caller", "1000000"),
    ("--jobs-per-keys", "1000000"),
    ("--max-attempts", "50"),
    ("--storage-bytes", "1000000000000"),
    ("--caller-bytes", "1000000000000"),
    ("--caller-rows", "100000000"),
    ("--capability-bytes", "1000000000000"),
    ("--uploads", "10000"),
    ("--uploads-per-caller", "10000"),
    ("--uploads-per-minute", "100000"),
    ("--connections-per-address", "10000"),
    ("--threads", "1"),
];

impl World {
    /// Starts database, bucket and front-ends; workers come later.
    pub(crate) fn start(plan: Plan) -> Outcome<Self> {
        let folder = tempfile::Builder::new().prefix("blindsight-fleet-").tempdir()?;
        // The database's user looks for its files in here.
        set_mode(folder.path(), 0o755)?;
        let postgres = Postgres::make(&folder.path().join("postgres"))?;
        let rows = Rows::create(&postgres.server(), plan.name)?;
        let bucket_address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let ports = (0..plan.fronts).map(|_| free_port()).collect::<Outcome<Vec<_>>>()?;
        let addresses = ports.iter().map(|&port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        std::fs::create_dir(folder.path().join("models"))?;
        Spec::fake().write(&folder.path().join("models"), "fake.bs");
        let logs = crate::output()?.join("logs").join(plan.name);
        if logs.exists() {
            std::fs::remove_dir_all(&logs)?;
        }
        std::fs::create_dir_all(&logs)?;
        let mut world = Self {
            addresses: addresses.collect(),
            fronts: (0..plan.fronts).map(|_| None).collect(),
            plan,
            folder,
            postgres,
            bucket: None,
            bucket_address,
            rows,
            started: 0,
            logs,
        };
        world.start_bucket()?;
        for front in 0..world.fronts.len() {
            world.start_front(front)?;
        }
        world.rows.install_audit()?;
        Ok(world)
    }

    pub(crate) fn lease(&self) -> Duration {
        Duration::from_secs(self.plan.lease_seconds)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the bucket.
    pub(crate) fn bucket_folder(&self) -> PathBuf {
        self.path().join("bucket/fleet")
    }

    /// Where the fleet's own objects are in it.
    pub(crate) fn objects(&self) -> PathBuf {
        self.bucket_folder().join(self.plan.name)
    }

    /// Starts the bucket.
    pub(crate) fn start_bucket(&mut self) -> Outcome<()> {
        let mut command = Command::new(sibling("fleet-s3")?);
        command.arg(self.path().join("bucket")).arg(self.bucket_address.to_string());
        let start = Start { name: "bucket".to_owned(), logs: self.logs.clone(), command };
        self.bucket = Some(start.run()?);
        Ok(())
    }

    /// Ends the bucket's server without a word; its objects stay.
    pub(crate) fn kill_bucket(&mut self) -> Outcome<()> {
        self.bucket.take().map_or(Ok(()), Process::kill)
    }

    /// Starts a front-end where it was before.
    pub(crate) fn start_front(&mut self, front: usize) -> Outcome<()> {
        let name = format!("front-{front}");
        let database = self.rows.url.clone();
        let mut command = self.node(&name, "front", &database, self.bucket_address, None)?;
        command.args(["--listen", &self.addresses[front].to_string()]);
        let start = Start { name, logs: self.logs.clone(), command };
        self.fronts[front] = Some(start.run()?);
        Ok(())
    }

    /// Ends a front-end without a word.
    pub(crate) fn kill_front(&mut self, front: usize) -> Outcome<()> {
        self.fronts[front].take().map_or(Ok(()), Process::kill)
    }

    /// Starts another worker, with these variables in its environment.
    pub(crate) fn start_worker(
        &mut self,
        environment: &[(String, String)],
        namespace: Option<Namespace>,
    ) -> Outcome<Worker> {
        self.started += 1;
        let name = format!("worker-{}", self.started);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let (outside, inside) = namespace.as_ref().map_or((here, here), Namespace::addresses);
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, self.postgres.port));
        let (mut wires, mut ends) = (Vec::new(), [server, self.bucket_address]);
        if self.plan.with_wires {
            for end in &mut ends {
                let wire = Relay::start(outside, *end)?;
                *end = wire.address;
                wires.push(wire);
            }
        }
        let [database, bucket] = ends;
        let database = self.rows.url.replacen(&server.to_string(), &database.to_string(), 1);
        let mut command = self.node(&name, "worker", &database, bucket, namespace.as_ref())?;
        command.args(["--listen", &format!("{inside}:0"), "--open"]).args(&self.plan.flags);
        command.envs(environment.iter().cloned());
        let log = self.logs.join(format!("{name}.log"));
        let start = Start { name, logs: self.logs.clone(), command };
        let process = start.run()?;
        let name = name_in(&log)?;
        Ok(Worker { process, name, wires, namespace })
    }

    /// The command for a node.
    fn node(
        &self,
        name: &str,
        role: &str,
        database: &str,
        bucket: SocketAddr,
        namespace: Option<&Namespace>,
    ) -> Outcome<Command> {
        let program = sibling("fleet-node")?;
        let mut command = namespace.map_or_else(|| Command::new(&program), |n| n.command(&program));
        for (variable, _) in std::env::vars_os() {
            if variable.to_string_lossy().starts_with("BLINDSIGHT_") {
                command.env_remove(variable);
            }
        }
        command
            .args(["serve", "--role", role, "--state", database])
            .args(["--blobs", &format!("s3://fleet/{}", self.plan.name)])
            .args(["--lease-seconds", &self.plan.lease_seconds.to_string()])
            .arg("--models")
            .arg(self.path().join("models"))
            .arg("--data")
            .arg(self.path().join(name))
            .args(NO_LIMITS.iter().flat_map(|(flag, value)| [flag, value]))
            .env("AWS_ENDPOINT", format!("http://{bucket}"))
            .env("AWS_ALLOW_HTTP", "true")
            .env("AWS_REGION", "here")
            .env("AWS_ACCESS_KEY_ID", "fleet")
            .env("AWS_SECRET_ACCESS_KEY", "fleet");
        Ok(command)
    }
}

impl Worker {
    /// Cuts it off from database and bucket, or joins it to them again.
    pub(crate) fn cut(&self, cut: bool) -> Outcome<()> {
        if let Some(namespace) = &self.namespace {
            return namespace.link(!cut);
        }
        self.wires.iter().for_each(|wire| wire.freeze(cut));
        Ok(())
    }
}

/// What a worker says of itself when it joins the others.
fn name_in(log: &Path) -> Outcome<String> {
    let mut found = None;
    becomes(Duration::from_secs(10), || {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let said = text.split_once("joined the others").and_then(|(_, rest)| {
            let (_, rest) = rest.lines().next()?.split_once("process=")?;
            rest.split_whitespace().next().map(str::to_owned)
        });
        found = said;
        found.is_some()
    });
    found.ok_or_else(|| format!("no worker says in {} what its name is", log.display()).into())
}

/// A server whose data reach the disk. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Postgres {
    folder: PathBuf,
    port: u16,
}

impl Postgres {
    fn make(folder: &Path) -> Outcome<Self> {
        std::fs::create_dir_all(folder)?;
        let postgres = Self { folder: folder.to_owned(), port: free_port()? };
        postgres.control("make", &[])?;
        postgres.start()?;
        Ok(postgres)
    }

    /// Its address, without a database.
    pub(crate) fn server(&self) -> String {
        format!("postgres://tester@127.0.0.1:{}", self.port)
    }

    /// Starts it where it was before.
    pub(crate) fn start(&self) -> Outcome<()> {
        self.control("start", &[&self.port.to_string()])
    }

    /// Ends it as a power cut would.
    pub(crate) fn stop(&self) -> Outcome<()> {
        self.control("stop", &[])
    }

    fn control(&self, what: &str, arguments: &[&str]) -> Outcome<()> {
        let mut command = Command::new(repository().join("tests/postgres.sh"));
        command.arg(what).arg(&self.folder).args(arguments);
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(format!("postgres.sh {what} failed").into()) }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // It may not run.
        let _ = self.stop();
    }
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn set_mode(path: &Path, mode: u32) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
}

/// Waits for something to become true; whether it did.
pub(crate) fn becomes(limit: Duration, mut is: impl FnMut() -> bool) -> bool {
    let start = std::time::Instant::now();
    while !is() {
        if start.elapsed() > limit {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
