//! Mutual TLS: every process shows a certificate of the cluster's authority and accepts no other.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use ballista_core::extension::EndpointOverrideFn;
use tonic::transport::{Certificate, ClientTlsConfig, Endpoint, Identity, ServerTlsConfig};

use crate::certs;

/// A process's certificate and key, and the authority that the others' certificates come from.
#[derive(Clone)]
pub struct Tls {
    authority: Certificate,
    identity: Identity,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Reads the files that `fuseline certs` makes.
    pub fn load(folder: &Path) -> engine::Result<Tls> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(|error| {
                engine::Error::engine_hint(
                    format!("cannot read `{}`: {error}", path.display()),
                    "`fuseline certs FOLDER` makes the certificates of a cluster",
                )
            })
        };
        Ok(Tls {
            authority: Certificate::from_pem(read(certs::AUTHORITY)?),
            identity: Identity::from_pem(read(certs::CERTIFICATE)?, read(certs::KEY)?),
        })
    }

    pub(crate) fn client(&self) -> ClientTlsConfig {
        ClientTlsConfig::new().ca_certificate(self.authority.clone()).identity(self.identity.clone())
    }

    pub(crate) fn server(&self) -> ServerTlsConfig {
        ServerTlsConfig::new().identity(self.identity.clone()).client_ca_root(self.authority.clone())
    }

    /// Makes Ballista's connections ours: it names them `http`, whatever they are.
    pub(crate) fn endpoints(&self) -> EndpointOverrideFn {
        let tls = self.client();
        Arc::new(move |endpoint: Endpoint| {
            let address = endpoint.uri().to_string().replacen("http://", "https://", 1);
            Ok(crate::client::patient(Endpoint::from_shared(address)?).tls_config(tls.clone())?)
        })
    }
}
