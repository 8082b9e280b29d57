//! Declarations of libtp, made by bindgen from `capi/include/tp/tp.h`; the headers tell what they
//! mean. The safe crate is `tp`.

#![no_std]
#![allow(non_camel_case_types, non_upper_case_globals)]
#![allow(rustdoc::broken_intra_doc_links, rustdoc::invalid_html_tags, clippy::all)]

extern crate std;

mod bindings;
pub use bindings::*;

/// The simulated machine, `capi/include/tp/sim.h`: only in libtp-sim, feature `sim`.
#[cfg(feature = "sim")]
#[path = "sim.rs"]
pub mod sim;
