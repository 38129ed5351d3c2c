//! The one process that answers the table, and who asks it.

use std::fs;

use blindsight_tests::api::{Api, Holding, PART};
use blindsight_tests::client::Client;
use blindsight_tests::evaluator::Evaluator;
use tempfile::TempDir;

/// The service token of the process.
pub(crate) const TOKEN: &str = "token-of-the-table";
/// The key of an issuer of JWTs; nobody has the other half.
const ISSUER: &str = "-----BEGIN PUBLIC KEY-----
MCowBQYDK2VwAyEATe0HIPC0Qx+8KCmNpP4ayiKV9sQfWlmz6s6cxexAS/E=
-----END PUBLIC KEY-----
";
/// What lies beside the page, where no request may get.
pub(crate) const SECRET: &str = "what nobody may read";

/// The process and its clients.
pub(crate) struct World {
    /// Client of all keys.
    pub(crate) client: Client,
    pub(crate) api: Api,
    /// A complete key set.
    pub(crate) mine: Holding,
    /// An upload that will never be complete; its capability knows nothing of [`World::mine`].
    pub(crate) other: Holding,
    // The process ends before its folder is removed.
    pub(crate) evaluator: Evaluator,
    folder: TempDir,
}

impl World {
    pub(crate) fn start() -> Self {
        let folder = TempDir::new().unwrap();
        let web = folder.path().join("web");
        fs::create_dir_all(web.join("assets")).unwrap();
        fs::write(web.join("index.html"), "<!doctype html><title>page</title>").unwrap();
        fs::write(web.join("assets/page.js"), "export {};").unwrap();
        fs::write(web.join(".hidden"), SECRET).unwrap();
        fs::write(folder.path().join("secret.txt"), SECRET).unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret.txt"), web.join("link.txt")).unwrap();
        std::os::unix::fs::symlink(folder.path(), web.join("folder")).unwrap();

        let tokens = folder.path().join("tokens");
        fs::write(&tokens, TOKEN).unwrap();
        let issuer = folder.path().join("issuer.pem");
        fs::write(&issuer, ISSUER).unwrap();
        let part = PART.to_string();
        let flags = [
            ["--token-file", tokens.to_str().unwrap()],
            // All questions come from one address.
            ["--uploads-per-minute", "100000"],
            ["--uploads-per-caller", "64"],
            ["--jwt-keys", issuer.to_str().unwrap()],
            ["--web", web.to_str().unwrap()],
            ["--part-bytes", &part],
            ["--body-pause-seconds", "1"],
            ["--queue", "2"],
            ["--jobs-per-keys", "2"],
            ["--threads", "2"],
            // Made ready beside the requests, it would be in what refusing them takes.
            ["--preload", "none"],
        ];
        let flags = [&flags.concat()[..], &["--require-keys"]].concat();
        let evaluator = Evaluator::start(&folder.path().join("data"), &flags);
        let api = Api::of(&evaluator).with_token(TOKEN);
        let client = Client::new(1);
        let mine = api.create(client.bundle.len());
        api.append(&mine, &client.bundle, 0..client.bundle.len());
        let other = api.create(client.bundle.len());
        Self { client, api, mine, other, evaluator, folder }
    }

    /// Words that no answer may hold: they tell of the inside of the service, or of others.
    pub(crate) fn inside(&self) -> Vec<String> {
        let folder = self.folder.path().to_str().unwrap();
        [folder, SECRET, TOKEN, &self.mine.capability, &self.other.capability]
            .into_iter()
            .chain(["src/", ".rs", ".cargo", "panick", "unwrap", "sqlite", "SELECT", "os error"])
            .chain(["actix", "tokio", "object_store", "blobs", "staging", "Error {", "Some("])
            .map(str::to_owned)
            .collect()
    }
}
