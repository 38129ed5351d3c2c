//! The service's configuration: a file (TOML), over it the environment, over it flags.
//!
//! One list of settings serves all three and `--print-config`: the name of a flag without its
//! dashes is the key in the file, and with `BLINDSIGHT_` in front the variable.

mod merge;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

pub use merge::ConfigError;

/// All settings. Sizes are in bytes, times in seconds.
#[derive(Debug, Clone, Args, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address to listen on; port 0 takes a free one. The real address is printed on stdout.
    #[arg(long, env = "BLINDSIGHT_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Folder for the service's state; used by one process at a time.
    #[arg(long, env = "BLINDSIGHT_DATA", default_value = "blindsight-data")]
    pub data: PathBuf,
    /// Where the rows are kept: postgres://USER@HOST/DATABASE (PostgreSQL 15 or newer; with
    /// ?sslmode=require for TLS). A password comes from PGPASSWORD, or stands in the address where
    /// that comes from the environment or the settings file: everybody on the machine can read
    /// flags. In the data folder if not given. Needs `blobs` too.
    #[arg(long, env = "BLINDSIGHT_STATE")]
    pub state: Option<String>,
    /// Where keys, requests, results and unfinished uploads are kept: s3://BUCKET/PREFIX
    /// (credentials, region and endpoint from AWS_* variables). In the data folder if not given.
    #[arg(long, env = "BLINDSIGHT_BLOBS")]
    pub blobs: Option<String>,
    /// What this process does. Others than `all` need `state`, and others beside them.
    #[arg(long, env = "BLINDSIGHT_ROLE", value_enum, default_value_t = Role::All)]
    pub role: Role,
    /// Folder of the page to serve under /.
    #[arg(long, env = "BLINDSIGHT_WEB")]
    pub web: Option<PathBuf>,
    /// Folder of compiled models: every file *.bs in it is served. It is looked at again and
    /// again, so models can come, change and go while the service runs.
    #[arg(long, env = "BLINDSIGHT_MODELS", default_value = "models")]
    pub models: PathBuf,
    /// Name of the model that is listed first; otherwise the order is that of the files' names.
    #[arg(long, env = "BLINDSIGHT_DEFAULT_MODEL")]
    pub default_model: Option<String>,
    /// Models whose scores are not told, only the label: their names, separated by commas, or `all`.
    #[arg(long, env = "BLINDSIGHT_LABELS_ONLY", value_delimiter = ',')]
    pub labels_only: Vec<String>,
    /// Also answers with the label only where its score leads all others by this part of the bound of
    /// scores, more than 0 and at most 1, and otherwise that nobody is sure.
    #[arg(long, env = "BLINDSIGHT_LEAD")]
    pub lead: Option<f64>,
    /// Models to make ready when the service starts, separated by commas: their names, or
    /// `default`, `all` or `none`. Others are made ready when the first job needs them.
    #[arg(long, env = "BLINDSIGHT_PRELOAD", value_delimiter = ',', default_value = "default")]
    pub preload: Vec<String>,
    /// Threads that compute; 0 for all cores.
    #[arg(long, env = "BLINDSIGHT_THREADS", default_value_t = 0)]
    pub threads: usize,
    /// Jobs that run side by side on these threads.
    #[arg(long, env = "BLINDSIGHT_JOBS_AT_ONCE", default_value_t = 1)]
    pub jobs_at_once: usize,
    /// Threads that answer requests.
    #[arg(long, env = "BLINDSIGHT_HTTP_THREADS", default_value_t = 2)]
    pub http_threads: usize,
    /// File with bearer tokens, one a line (`#` starts a comment): every use of the API needs one
    /// of them. Each is a caller of its own. One token can also come from the variable
    /// BLINDSIGHT_TOKEN or the settings file; there is no flag, which everybody on the machine
    /// could read.
    #[arg(long, env = "BLINDSIGHT_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// One token.
    #[arg(skip)]
    pub token: Option<String>,
    /// All tokens, from wherever they came.
    #[arg(skip)]
    #[serde(skip)]
    pub tokens: Vec<String>,
    /// Asks everybody for an API key of a tenant (`blindsight-evaluator admin keys`), or for one of the
    /// tokens, or for a JWT where there are keys for those.
    #[arg(long, env = "BLINDSIGHT_REQUIRE_KEYS")]
    pub require_keys: bool,
    /// File with the public keys of who signs JWTs (PEM, or a JWKS), which everybody is asked for who
    /// shows no token and no API key. It is read again when it changes.
    #[arg(long, env = "BLINDSIGHT_JWT_KEYS")]
    pub jwt_keys: Option<PathBuf>,
    /// What JWTs must say in `aud`. Without it, nothing is asked for.
    #[arg(long, env = "BLINDSIGHT_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// What JWTs must say in `iss`. Without it, nothing is asked for.
    #[arg(long, env = "BLINDSIGHT_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// The claim of a JWT that names the tenant.
    #[arg(long, env = "BLINDSIGHT_JWT_TENANT_CLAIM", default_value = "sub")]
    pub jwt_tenant_claim: String,
    /// Serves everybody who can reach an address beyond this machine, without a token.
    #[arg(long, env = "BLINDSIGHT_OPEN")]
    pub open: bool,
    /// Names by which clients may call the service, separated by commas, beside localhost and
    /// addresses in digits.
    #[arg(long, env = "BLINDSIGHT_HOSTS", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Addresses of proxies in front, separated by commas: of their requests, the last address in
    /// X-Forwarded-For that is not theirs is the sender's.
    #[arg(long, env = "BLINDSIGHT_TRUSTED_PROXIES", value_delimiter = ',')]
    pub trusted_proxies: Vec<IpAddr>,
    /// Origins of other sites whose pages may use the API, separated by commas.
    #[arg(long, env = "BLINDSIGHT_CORS_ORIGINS", value_delimiter = ',')]
    pub cors_origins: Vec<String>,
    /// What is logged on stderr: a level, or targets with levels (tracing's syntax).
    #[arg(long, env = "BLINDSIGHT_LOG", default_value = "info")]
    pub log: String,
    /// How it is logged.
    #[arg(long, env = "BLINDSIGHT_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
    /// Collector that traces are sent to by OTLP over HTTP, such as http://127.0.0.1:4318; none by
    /// default. Further settings of it come from OTEL_* variables.
    #[arg(long, env = "BLINDSIGHT_TRACES")]
    pub traces: Option<String>,

    /// Jobs that may wait. Beyond, only callers are let in that have none waiting, up to eight
    /// times as many.
    #[arg(long, env = "BLINDSIGHT_QUEUE", default_value_t = 32)]
    pub queue: u32,
    /// Unfinished jobs of one caller (a tenant, a token, or an address).
    #[arg(long, env = "BLINDSIGHT_JOBS_PER_CALLER", default_value_t = 16)]
    pub jobs_per_caller: u32,
    /// Unfinished jobs of one key set.
    #[arg(long, env = "BLINDSIGHT_JOBS_PER_KEYS", default_value_t = 8)]
    pub jobs_per_keys: u32,
    /// How often a job is started before it is given up.
    #[arg(long, env = "BLINDSIGHT_MAX_ATTEMPTS", default_value_t = 3)]
    pub max_attempts: u32,
    /// Memory for models that are ready to run.
    #[arg(long, env = "BLINDSIGHT_MODEL_MEMORY", default_value_t = 2_000_000_000)]
    pub model_memory: u64,
    /// Memory for keys kept expanded between jobs.
    #[arg(long, env = "BLINDSIGHT_KEY_CACHE_BYTES", default_value_t = 600_000_000)]
    pub key_cache_bytes: u64,
    /// Storage for everybody together, unfinished uploads included.
    #[arg(long, env = "BLINDSIGHT_STORAGE_BYTES", default_value_t = 16_000_000_000)]
    pub storage_bytes: u64,
    /// Storage of one caller.
    #[arg(long, env = "BLINDSIGHT_CALLER_BYTES", default_value_t = 1_000_000_000)]
    pub caller_bytes: u64,
    /// Uploads, key sets and jobs together that are remembered of one caller. The jobs that ended
    /// first are forgotten first.
    #[arg(long, env = "BLINDSIGHT_CALLER_ROWS", default_value_t = 900)]
    pub caller_rows: u64,
    /// Storage of one capability.
    #[arg(long, env = "BLINDSIGHT_CAPABILITY_BYTES", default_value_t = 500_000_000)]
    pub capability_bytes: u64,
    /// Unfinished uploads of everybody together.
    #[arg(long, env = "BLINDSIGHT_UPLOADS", default_value_t = 64)]
    pub uploads: u32,
    /// Unfinished uploads of one caller.
    #[arg(long, env = "BLINDSIGHT_UPLOADS_PER_CALLER", default_value_t = 8)]
    pub uploads_per_caller: u32,
    /// Uploads that one caller may start in a minute, after a burst of as many.
    #[arg(long, env = "BLINDSIGHT_UPLOADS_PER_MINUTE", default_value_t = 30)]
    pub uploads_per_minute: u32,
    /// Uploads that are written to at the same time.
    #[arg(long, env = "BLINDSIGHT_UPLOADS_AT_ONCE", default_value_t = 16)]
    pub uploads_at_once: usize,
    /// Uploads that one caller writes to at the same time.
    #[arg(long, env = "BLINDSIGHT_UPLOADS_AT_ONCE_PER_CALLER", default_value_t = 4)]
    pub uploads_at_once_per_caller: usize,
    /// Longest part of an upload.
    #[arg(long, env = "BLINDSIGHT_PART_BYTES", default_value_t = 16 << 20)]
    pub part_bytes: u64,
    /// Event streams that are open at the same time.
    #[arg(long, env = "BLINDSIGHT_EVENT_STREAMS", default_value_t = 512)]
    pub event_streams: usize,
    /// Event streams of one caller.
    #[arg(long, env = "BLINDSIGHT_EVENT_STREAMS_PER_CALLER", default_value_t = 32)]
    pub event_streams_per_caller: usize,
    /// Connections from one address, proxies aside.
    #[arg(long, env = "BLINDSIGHT_CONNECTIONS_PER_ADDRESS", default_value_t = 256)]
    pub connections_per_address: usize,
    /// Connections of each thread that answers requests.
    #[arg(long, env = "BLINDSIGHT_CONNECTIONS", default_value_t = 2048)]
    pub connections: usize,

    /// How long a run is safe from others while nothing is heard of its process, where several
    /// processes share a database.
    #[arg(long, env = "BLINDSIGHT_LEASE_SECONDS", default_value_t = 10)]
    pub lease_seconds: u64,
    /// How long a worker may finish what it runs when it is stopped. Then, and in a process that
    /// also answers requests at once, runs are put back for others.
    #[arg(long, env = "BLINDSIGHT_FINISH_SECONDS", default_value_t = 30)]
    pub finish_seconds: u64,
    /// Whether processes that share a database prefer jobs whose keys they hold.
    #[arg(long, env = "BLINDSIGHT_AFFINITY", value_enum, default_value_t = Switch::On)]
    pub affinity: Switch,
    /// After how long an unfinished upload that nobody continues is deleted.
    #[arg(long, env = "BLINDSIGHT_UPLOAD_SECONDS", default_value_t = 24 * 3600)]
    pub upload_seconds: u64,
    /// After how long an upload is deleted of which no byte came.
    #[arg(long, env = "BLINDSIGHT_EMPTY_UPLOAD_SECONDS", default_value_t = 300)]
    pub empty_upload_seconds: u64,
    /// How long an upload must have been idle to make room for another one.
    #[arg(long, env = "BLINDSIGHT_IDLE_SECONDS", default_value_t = 20)]
    pub idle_seconds: u64,
    /// After how long keys that never were used are deleted.
    #[arg(long, env = "BLINDSIGHT_UNUSED_KEYS_SECONDS", default_value_t = 24 * 3600)]
    pub unused_keys_seconds: u64,
    /// After how long keys that nobody uses any more are deleted.
    #[arg(long, env = "BLINDSIGHT_KEYS_SECONDS", default_value_t = 30 * 24 * 3600)]
    pub keys_seconds: u64,
    /// After how long a result is deleted.
    #[arg(long, env = "BLINDSIGHT_RESULT_SECONDS", default_value_t = 24 * 3600)]
    pub result_seconds: u64,
    /// After how long a finished job is forgotten.
    #[arg(long, env = "BLINDSIGHT_JOB_SECONDS", default_value_t = 7 * 24 * 3600)]
    pub job_seconds: u64,
    /// For how long it is kept who did what.
    #[arg(long, env = "BLINDSIGHT_AUDIT_SECONDS", default_value_t = 90 * 24 * 3600)]
    pub audit_seconds: u64,
    /// Longest pause within a body.
    #[arg(long, env = "BLINDSIGHT_BODY_PAUSE_SECONDS", default_value_t = 15)]
    pub body_pause_seconds: u64,
    /// Slowest rate of a body, in bytes a second, after half a minute.
    #[arg(long, env = "BLINDSIGHT_BODY_RATE", default_value_t = 8192)]
    pub body_rate: u64,
    /// How long an answer may wait for its reader before the connection is closed, and the slowest
    /// rate at which it may be read is that of a body.
    #[arg(long, env = "BLINDSIGHT_WRITE_PAUSE_SECONDS", default_value_t = 30)]
    pub write_pause_seconds: u64,
    /// Pause between heartbeats of an event stream.
    #[arg(long, env = "BLINDSIGHT_HEARTBEAT_SECONDS", default_value_t = 10)]
    pub heartbeat_seconds: u64,
    /// Pause between searches for what has expired.
    #[arg(long, env = "BLINDSIGHT_SWEEP_SECONDS", default_value_t = 60)]
    pub sweep_seconds: u64,
    /// Pause between looks at the folder of models.
    #[arg(long, env = "BLINDSIGHT_MODELS_SECONDS", default_value_t = 3)]
    pub models_seconds: u64,
    /// How long requests may take to end when the service is stopped.
    #[arg(long, env = "BLINDSIGHT_SHUTDOWN_SECONDS", default_value_t = 10)]
    pub shutdown_seconds: u64,
}

/// The form of a line of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// What a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Answers requests and runs jobs.
    All,
    /// Answers requests.
    Front,
    /// Runs jobs, and answers only how it is.
    Worker,
}

impl Role {
    /// Its name in settings.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Front => "front",
            Self::Worker => "worker",
        }
    }
}

/// Whether something is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// It is.
    On,
    /// It is not.
    Off,
}

impl Default for Config {
    /// What holds without a file, an environment and flags.
    fn default() -> Self {
        merge::defaults()
    }
}

impl Config {
    /// Whether callers are known by what they show, and not by their addresses.
    #[must_use]
    pub fn asks_for_credentials(&self) -> bool {
        !self.tokens.is_empty() || self.require_keys || self.jwt_keys.is_some()
    }

    /// Threads that compute: the number that is set, or all cores.
    #[must_use]
    pub fn compute_threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, Into::into),
            threads => threads,
        }
    }

    /// How long runs may go on when the service is stopped.
    #[must_use]
    pub fn finish_seconds(&self) -> u64 {
        if self.role == Role::Worker { self.finish_seconds } else { 0 }
    }

    /// The configuration as a file that gives the same one, but for what may be secret: tokens and
    /// the address of a database.
    ///
    /// # Panics
    /// Never: settings are plain data.
    #[must_use]
    pub fn to_toml(&self) -> String {
        // Both may hold secrets.
        let shown = Self { token: None, state: None, ..self.clone() };
        let mut text = toml::to_string(&shown).expect("settings are numbers, texts and lists");
        if self.state.is_some() {
            text += "# a database is set, but its address is not shown\n";
        }
        if !self.tokens.is_empty() {
            text += "# tokens are set, but not shown\n";
        }
        text
    }
}
