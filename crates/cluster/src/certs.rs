//! Certificates of a cluster: an authority of its own, and one certificate that its scheduler, executors and clients share.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};

pub(crate) const AUTHORITY: &str = "ca.pem";
pub(crate) const CERTIFICATE: &str = "cluster.pem";
pub(crate) const KEY: &str = "cluster.key";

/// Makes the three files in the folder. `hosts`: the names and addresses under which the processes are reached, besides
/// those of this machine. The authority's key is thrown away: a larger cluster gets new certificates.
pub fn create(folder: &Path, hosts: &[String]) -> engine::Result<()> {
    let failed = |error: rcgen::Error| engine::Error::engine(format!("cannot make certificates: {error}"));
    let authority_key = KeyPair::generate().map_err(failed)?;
    let mut authority = CertificateParams::new(Vec::new()).map_err(failed)?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.distinguished_name.push(DnType::CommonName, "fuseline cluster authority");
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let authority_certificate = authority.self_signed(&authority_key).map_err(failed)?;
    let issuer = Issuer::new(authority, authority_key);

    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    names.extend(hosts.iter().filter(|host| !["localhost", "127.0.0.1", "::1"].contains(&host.as_str())).cloned());
    let key = KeyPair::generate().map_err(failed)?;
    let mut member = CertificateParams::new(names).map_err(failed)?;
    member.distinguished_name.push(DnType::CommonName, "fuseline cluster");
    member.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    let certificate = member.signed_by(&key, &issuer).map_err(failed)?;

    std::fs::create_dir_all(folder).map_err(|error| cannot_write(folder, &error))?;
    write(&folder.join(AUTHORITY), &authority_certificate.pem())?;
    write(&folder.join(CERTIFICATE), &certificate.pem())?;
    write(&folder.join(KEY), &key.serialize_pem())
}

/// Only the owner may read it, and nothing is replaced.
fn write(path: &Path, text: &str) -> engine::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(path).map_err(|error| cannot_write(path, &error))?;
    file.write_all(text.as_bytes()).map_err(|error| cannot_write(path, &error))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> engine::Error {
    engine::Error::engine(format!("cannot write `{}`: {error}", path.display()))
}
