//! Scheduler, executor and client of the cluster, over Apache DataFusion Ballista. The only crate that names Ballista.
//!
//! A client plans as an embedded session does and cuts the plan where parts are put together ([`cut`]). What lies between
//! two cuts is a [`fragment`]: bytes that Ballista carries but does not look into. So it cannot reorder what determinism
//! needs in order, its scheduler needs neither our operators nor LLVM, and a worker runs the very operators that run
//! locally. What a plan refers to (captured values, large IR) goes to the scheduler once ([`service`]) and from there once
//! to each executor.
//!
//! Reading order: [`cut`], [`fragment`], [`codec`] (what travels), [`client`], [`scheduler`], [`executor`].

mod certs;
mod client;
mod codec;
mod config;
mod cut;
mod executor;
mod explain;
mod fragment;
mod local;
mod newest;
mod news;
mod placement;
mod rehearsal;
mod scheduler;
mod service;
mod site;
mod stored;
mod stub;
mod subquery;
mod supervisor;
mod tls;
mod watchdog;

pub use client::{Client, ClientOptions, connect};
pub use executor::ExecutorOptions;
pub use local::LocalOptions;
pub mod process;
pub use process::LogFormat;
pub use scheduler::SchedulerOptions;
pub use tls::Tls;
