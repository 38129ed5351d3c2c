//! The commands of docs/models.md are commands that exist, with options that exist. With
//! `BLINDSIGHT_LONG=1` those that end are run.

#![cfg(test)]
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use blindsight_tests::{evaluator, is_long, repository};

/// Of a recipe of the justfile, what it starts.
enum Recipe {
    /// The command line tool, with this subcommand.
    Tool(&'static str),
    /// The service.
    Service,
}

impl Recipe {
    fn of(name: &str) -> Self {
        match name {
            "compile" => Self::Tool("compile"),
            "classify-native" => Self::Tool("classify"),
            "accuracy" => Self::Tool("accuracy"),
            "embed" => Self::Tool("embed"),
            "up" => Self::Service,
            _ => panic!("the tutorial uses the recipe {name}, which this test does not know"),
        }
    }
}

/// A block of the tutorial: what is to be done with it, and its text.
struct Block {
    mark: String,
    text: String,
}

#[test]
fn the_options_of_the_tutorial_exist() {
    let justfile = read("justfile");
    let mut checked = 0;
    for block in blocks() {
        for words in commands(&block.text) {
            let [just, recipe, arguments @ ..] = &words[..] else {
                panic!("{words:?} is no command of just");
            };
            assert_eq!(just, "just", "the tutorial's commands are recipes");
            let head = format!("\n{recipe} ");
            assert!(justfile.contains(&head), "the justfile has no recipe {recipe}");
            parses(&Recipe::of(recipe), arguments);
            checked += 1;
        }
    }
    assert!(checked >= 4, "only {checked} commands were found");
}

/// The test above can fail.
#[test]
fn options_that_do_not_exist_are_found() {
    let words = ["models/resnet56.onnx", "--no-such-option"].map(str::to_owned);
    assert!(!help(&Recipe::Tool("compile"), &words).status().unwrap().success());
}

#[test]
fn the_tutorial_can_be_followed() {
    if !is_long() {
        return;
    }
    for block in blocks().iter().filter(|block| block.mark == "run") {
        // The tutorial's words are the repository's own.
        let status = Command::new("bash")
            .args(["-euo", "pipefail", "-c", &block.text])
            .current_dir(repository())
            .stdin(Stdio::null())
            .status()
            .unwrap();
        assert!(status.success(), "this ended with {status}:\n{}", block.text);
    }
}

/// The blocks marked `sh`.
fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    let mut foreign = false;
    for line in read("docs/models.md").lines() {
        let Some(mark) = line.strip_prefix("```") else {
            if let Some(block) = &mut open {
                block.text.push_str(line);
                block.text.push('\n');
            }
            continue;
        };
        if let Some(block) = open.take() {
            blocks.push(block);
        } else if foreign {
            foreign = false;
        } else if let Some(mark) = mark.strip_prefix("sh ") {
            assert!(["run", "serve"].contains(&mark), "a block is marked {mark}");
            open = Some(Block { mark: mark.to_owned(), text: String::new() });
        } else {
            assert_ne!(mark, "sh", "blocks of commands are marked run or serve");
            foreign = true;
        }
    }
    assert!(open.is_none() && !foreign, "a block has no end");
    blocks
}

/// The commands of a block, as words: a backslash joins lines, double quotes join words.
fn commands(text: &str) -> Vec<Vec<String>> {
    let joined = text.replace("\\\n", " ");
    joined.lines().filter(|line| !line.trim().is_empty()).map(words).collect()
}

fn words(line: &str) -> Vec<String> {
    let strange = |c: char| "'$`;&|<>(){}*?!#~".contains(c);
    assert!(!line.contains(strange), "this test cannot read {line}");
    let mut words = Vec::new();
    // Every second part stands in quotes.
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}

/// Everything before `--help` is parsed; then help is printed, and nothing is done.
fn parses(recipe: &Recipe, arguments: &[String]) {
    let output = help(recipe, arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {errors}");
}

fn help(recipe: &Recipe, arguments: &[String]) -> Command {
    let with_help: Vec<&str> = arguments.iter().map(String::as_str).chain(["--help"]).collect();
    let mut command = match recipe {
        Recipe::Service => evaluator::serve(Path::new("target/tutorial-data"), &with_help),
        Recipe::Tool(subcommand) => {
            let mut command = tool();
            command.arg(subcommand).args(with_help);
            command
        }
    };
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// The command line tool, in the profile and the target folder of this test.
fn tool() -> Command {
    let program = std::env::current_exe().expect("a program knows its path");
    // TARGET/PROFILE/deps/NAME-HASH
    let folder = program.ancestors().nth(2).expect("tests lie in the profile's folder deps");
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target: PathBuf = folder.parent().expect("profiles lie in the target folder").to_owned();
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["run", "--locked", "--quiet", "--package", "blindsight-cli", "--bin", "blindsight"])
        .args(["--profile", profile, "--target-dir"])
        .arg(target)
        .arg("--")
        .current_dir(repository());
    command
}

fn read(name: &str) -> String {
    std::fs::read_to_string(repository().join(name)).unwrap()
}
