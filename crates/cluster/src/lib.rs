//! Scheduler, executor and client of the cluster, over Apache DataFusion Ballista. The only crate that names Ballista.
