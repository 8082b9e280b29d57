//! Tells cargo where libtp is: in `TP_LIB_DIR`, or where pkg-config finds it.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for name in [
        "TP_LIB_DIR",
        "TP_EXTRA_LIBS",
        "PKG_CONFIG",
        "PKG_CONFIG_PATH",
        "PKG_CONFIG_LIBDIR",
        "PKG_CONFIG_SYSROOT_DIR",
    ] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let fixed = env::var_os("CARGO_FEATURE_STATIC").is_some();
    let library = match env::var_os("CARGO_FEATURE_SIM") {
        Some(_) => "tp-sim",
        None => "tp",
    };
    match env::var("TP_LIB_DIR") {
        Ok(folder) => {
            search(&folder);
            link(library, library, fixed);
            let more = env::var("TP_EXTRA_LIBS").unwrap_or_default();
            more.split_whitespace().for_each(|name| link(name, library, fixed));
        }
        Err(_) => ask_pkg_config(library, fixed),
    }
}

fn ask_pkg_config(library: &str, fixed: bool) {
    let program = env::var_os("PKG_CONFIG").unwrap_or_else(|| "pkg-config".into());
    let mut command = Command::new(&program);
    if fixed {
        command.arg("--static");
    }
    command.arg("--libs").arg(format!("{library} >= 0.1"));
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => panic!("cannot run {program:?}: {error}; TP_LIB_DIR names a folder instead"),
    };
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        panic!("pkg-config does not find {library}; TP_LIB_DIR names a folder instead\n{said}");
    }
    for word in String::from_utf8_lossy(&output.stdout).split_whitespace() {
        if let Some(folder) = word.strip_prefix("-L") {
            search(folder);
        } else if let Some(name) = word.strip_prefix("-l") {
            link(name, library, fixed);
        }
    }
}

fn search(folder: &str) {
    println!("cargo:rustc-link-search=native={folder}");
    println!("cargo:libdir={folder}");
}

fn link(name: &str, library: &str, fixed: bool) {
    // Left out of the .rlib, so that a thin archive will do.
    let kind = if fixed && name == library { "static:-bundle=" } else { "" };
    println!("cargo:rustc-link-lib={kind}{name}");
}
