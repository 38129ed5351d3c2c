//! No module imports one that imports it, directly or by way of others.
//!
//! The check reads sources: a module is a file, and it imports what its paths name. A module for
//! tests may import whatever it tests.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// The sources of a crate by module: `["kernels", "simd"]`, the root `[]`.
type Sources = BTreeMap<Module, String>;
type Module = Vec<String>;

#[test]
fn no_modules_of_ring_import_in_a_circle() {
    let sources = sources_of(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(sources.len() > 20, "only {} modules were found", sources.len());
    let imports = imports(&sources);
    assert!(imports[&module("prime")].contains(&module("transform")), "{imports:?}");
    assert_eq!(circle(&imports), None);
}

#[test]
fn circles_are_found() {
    let circle_in = |sources: &[(&str, &str)]| {
        let sources = sources.iter().map(|(name, text)| (module(name), (*text).to_owned()));
        let circle = circle(&imports(&sources.collect()))?;
        Some(circle.iter().map(|name| name.join("::")).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(circle_in(&[("a", "use crate::b::B;"), ("b", "fn f() {}")]), None);
    let group =
        [("a", "use crate::{c, b::{self, B}};"), ("b", "fn f() { crate::a::f(); }"), ("c", "")];
    assert_eq!(circle_in(&group).unwrap(), "a b a");
    let long =
        [("a", "use crate::b;"), ("b", "pub use crate::c::*;"), ("c", "use super::a::A as X;")];
    assert_eq!(circle_in(&long).unwrap(), "a b c a");
    let child = [("a", "mod b;\npub use b::B;"), ("a::b", "use super::{A, c::C};")];
    assert_eq!(circle_in(&child).unwrap(), "a a::b a");
    let root = [("", "mod a;\npub use a::A;"), ("a", "use crate::A;")];
    assert_eq!(circle_in(&root).unwrap(), " a ");

    let siblings =
        [("a", "mod b; mod c; use self::b::B;"), ("a::b", "use super::c::C;"), ("a::c", "")];
    assert_eq!(circle_in(&siblings), None);
    let tests = "// crate::a\n#[cfg(test)]\nmod d;\n#[cfg(test)]\nmod tests { use crate::a::A; }";
    assert_eq!(
        circle_in(&[("a", "use crate::b::B;"), ("b", tests), ("b::d", "use super::*;")]),
        None
    );
    let inline = [("", "mod a;"), ("a", "mod sealed { impl S for super::A {} }\nfn f() {}")];
    assert_eq!(circle_in(&inline), None);
    let macros = [("", "mod a;"), ("a", "#[macro_export]\nmacro_rules! m {}\nuse crate::m;")];
    assert_eq!(circle_in(&macros), None);
}

fn module(name: &str) -> Module {
    name.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The sources below the folder `src` of a crate.
fn sources_of(folder: &Path) -> Sources {
    fn read(folder: &Path, module: &Module, sources: &mut Sources) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let mut name = module.clone();
            name.extend((stem != "lib" && stem != "main").then_some(stem));
            if path.is_dir() {
                read(&path, &name, sources);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                sources.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut sources = Sources::new();
    read(folder, &Module::new(), &mut sources);
    sources
}

/// For each module, the modules that its paths name.
fn imports(sources: &Sources) -> BTreeMap<Module, BTreeSet<Module>> {
    const FOR_TESTS: &str = "#[cfg(test)]\nmod ";
    let mut product = sources.clone();
    for (module, text) in sources {
        for part in text.split(FOR_TESTS).skip(1) {
            let name = part.split(|c: char| !is_of_name(c)).next().unwrap();
            product.remove(&[&module[..], &[name.to_owned()]].concat());
        }
    }
    let macros: BTreeSet<String> = product
        .values()
        .flat_map(|text| text.split("#[macro_export]\nmacro_rules! ").skip(1))
        .map(|part| part.split(|c: char| !is_of_name(c)).next().unwrap().to_owned())
        .collect();
    let imports = product.iter().map(|(module, text)| {
        // Tests stand at the end of a file.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        let mut named = BTreeSet::new();
        for path in paths(module, &tokens(text), &product) {
            let is_macro = matches!(&path[..], [name] if macros.contains(name));
            let mut target = path;
            while !is_macro && !target.is_empty() && !product.contains_key(&target) {
                target.pop();
            }
            if !is_macro && target != *module {
                named.insert(target);
            }
        }
        (module.clone(), named)
    });
    imports.collect()
}

fn is_of_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Names, `::`, and other characters, without comments.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    for line in text.lines() {
        let mut rest = line.split("//").next().unwrap().trim();
        while let Some(first) = rest.chars().next() {
            let end = match first {
                c if is_of_name(c) => rest.find(|c| !is_of_name(c)).unwrap_or(rest.len()),
                _ if rest.starts_with("::") => 2,
                c => c.len_utf8(),
            };
            let (token, after) = rest.split_at(end);
            tokens.push(token);
            rest = after.trim_start();
        }
    }
    tokens
}

/// The paths in a module that begin with `crate`, `self`, `super` or the name of a child, from the
/// root.
fn paths(module: &Module, tokens: &[&str], sources: &Sources) -> Vec<Module> {
    let mut paths = Vec::new();
    // The module, with the modules in braces that are open and the depth of each.
    let (mut inside, mut depth, mut opened) = (module.clone(), 0, Vec::new());
    for (i, &token) in tokens.iter().enumerate() {
        match token {
            "{" => {
                depth += 1;
                if i >= 2 && tokens[i - 2] == "mod" {
                    inside.push(tokens[i - 1].to_owned());
                    opened.push(depth);
                }
            }
            "}" => {
                if opened.pop_if(|opened| *opened == depth).is_some() {
                    inside.pop();
                }
                depth -= 1;
            }
            _ => {}
        }
        let is_first = i == 0 || tokens[i - 1] != "::";
        if !is_first || tokens.get(i + 1) != Some(&"::") {
            continue;
        }
        let child = [&inside[..], &[token.to_owned()]].concat();
        let base = match token {
            "crate" => Module::new(),
            "self" => inside.clone(),
            "super" => inside[..inside.len().saturating_sub(1)].to_vec(),
            _ if sources.contains_key(&child) => child,
            _ => continue,
        };
        follow(base, &mut tokens[i + 2..].iter().copied().peekable(), &mut paths);
    }
    paths
}

/// Collects the paths that go on from `path`: one, or those of a group in braces.
fn follow<'a>(
    mut path: Module,
    tokens: &mut core::iter::Peekable<impl Iterator<Item = &'a str>>,
    paths: &mut Vec<Module>,
) {
    while let Some(&token) = tokens.peek() {
        match token {
            "{" => {
                while tokens.next().is_some_and(|token| token != "}") {
                    follow(path.clone(), tokens, paths);
                }
                return;
            }
            "super" => drop(path.pop()),
            "self" => {}
            name if name.starts_with(is_of_name) => path.push(name.to_owned()),
            _ => break,
        }
        tokens.next();
        if tokens.peek() != Some(&"::") {
            break;
        }
        tokens.next();
    }
    paths.push(path);
    // The rest of a member of a group: `as name`.
    while tokens.peek().is_some_and(|token| !matches!(*token, "," | "}" | ";")) {
        tokens.next();
    }
}

/// Modules of which each imports the next, from one back to itself.
fn circle(imports: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    fn visit(
        module: &Module,
        imports: &BTreeMap<Module, BTreeSet<Module>>,
        way: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<Module>> {
        if let Some(start) = way.iter().position(|m| m == module) {
            return Some([&way[start..], core::slice::from_ref(module)].concat());
        }
        if !done.contains(module) {
            way.push(module.clone());
            for next in imports.get(module).into_iter().flatten() {
                if let Some(circle) = visit(next, imports, way, done) {
                    return Some(circle);
                }
            }
            way.pop();
            done.insert(module.clone());
        }
        None
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| visit(module, imports, &mut Vec::new(), &mut done))
}
