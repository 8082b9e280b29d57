//! What the bounds forbid does not compile, for the reason told: the first line of each file in
//! `compile_fail/` names the error.
#![allow(non_snake_case)]

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The newest `libtp-*.rlib` beside this program: the one cargo has just built for it.
fn library() -> PathBuf {
    let folder = env::current_exe().unwrap().parent().unwrap().to_owned();
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let rlibs = files.filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("libtp-") && name.ends_with(".rlib")
    });
    let built = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
    rlibs.max_by_key(built).expect("there is no libtp-*.rlib")
}

fn compiler() -> PathBuf {
    let beside = |cargo| Path::new(&cargo).with_file_name("rustc");
    let named = env::var_os("RUSTC").map(PathBuf::from);
    named.or_else(|| env::var_os("CARGO").map(beside)).unwrap_or_else(|| "rustc".into())
}

/// Whether it compiles, and what the compiler says.
fn compile(source: &Path, library: &Path, results: &Path) -> (bool, String) {
    let mut command = Command::new(compiler());
    command.args(["--edition=2021", "--crate-type=lib", "--emit=metadata", "--out-dir"]);
    command.arg(results);
    command.arg("-L").arg(library.parent().unwrap());
    command.arg("--extern").arg(format!("tp={}", library.display())).arg(source);
    let output = command.output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn bounds__misuse_does_not_compile() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let library = library();
    let results = env::temp_dir().join(format!("tp-compile-fail-{}", std::process::id()));
    fs::create_dir(&results).unwrap();
    let mut sources: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    sources.sort();
    assert!(sources.len() >= 10);
    for source in sources {
        let text = fs::read_to_string(&source).unwrap();
        let first = text.lines().next().unwrap();
        let (compiles, said) = compile(&source, &library, &results);
        match first.strip_prefix("// error: ") {
            Some(code) => {
                let told = said.matches(&format!("error[{code}]")).count();
                assert!(!compiles && told > 0, "{}: not {code} but\n{said}", source.display());
                let all = said.matches("error[").count();
                assert_eq!(all, told, "{}: more than {code}\n{said}", source.display());
            }
            None => assert!(compiles, "{}: {said}", source.display()),
        }
    }
    fs::remove_dir_all(results).unwrap();
}
