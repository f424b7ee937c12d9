//! SCRAM-SHA-256 (RFC 5802 and 7677) as MongoDB speaks it: the client's side of the three messages, without any I/O. Knows
//! nothing of sockets. Passwords with other characters than ASCII's would need SASLprep; for those the driver connects.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// Fewer iterations than this protect no password; RFC 7677 asks for as many.
const ITERATIONS_MIN: u32 = 4096;

/// What the client sends last, and the signature by which the server proves that it knows the password as well.
pub(super) struct Final {
    pub message: String,
    pub server_signature: String,
}

/// Whether this user and password need no preparation.
pub(super) fn is_plain(user: &str, password: &str) -> bool {
    let plain = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    plain(user) && plain(password)
}

/// The first message, without the header that says there is no channel binding.
pub(super) fn first(user: &str, nonce: &str) -> String {
    format!("n={},r={nonce}", user.replace('=', "=3D").replace(',', "=2C"))
}

/// The answer to the server's first message; `None` where that is not what the RFC has.
pub(super) fn answer(client_first: &str, nonce: &str, server_first: &str, password: &str) -> Option<Final> {
    let mut parts = server_first.split(',');
    let server_nonce = parts.next()?.strip_prefix("r=")?;
    let salt = BASE64.decode(parts.next()?.strip_prefix("s=")?).ok()?;
    let iterations: u32 = parts.next()?.strip_prefix("i=")?.parse().ok()?;
    if !server_nonce.starts_with(nonce) || iterations < ITERATIONS_MIN {
        return None;
    }
    let mut salted = [0; 32];
    pbkdf2::pbkdf2::<Hmac<Sha256>>(password.as_bytes(), &salt, iterations, &mut salted).ok()?;
    // "biws" is the header `n,,` in base64.
    let without_proof = format!("c=biws,r={server_nonce}");
    let signed = format!("{client_first},{server_first},{without_proof}");
    let client_key = keyed(&salted, b"Client Key")?;
    let signature = keyed(&Sha256::digest(client_key), signed.as_bytes())?;
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
    let server_signature = keyed(&keyed(&salted, b"Server Key")?, signed.as_bytes())?;
    Some(Final {
        message: format!("{without_proof},p={}", BASE64.encode(proof)),
        server_signature: format!("v={}", BASE64.encode(server_signature)),
    })
}

fn keyed(key: &[u8], message: &[u8]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(message);
    Some(mac.finalize().into_bytes().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7677() {
        let nonce = "rOprNGfwEbeRWgbNEkqO";
        let first = first("user", nonce);
        assert_eq!(first, "n=user,r=rOprNGfwEbeRWgbNEkqO");
        let server_first = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
        let last = answer(&first, nonce, server_first, "pencil").unwrap();
        assert_eq!(
            last.message,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(last.server_signature, "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    }

    #[test]
    fn a_server_that_does_not_play_by_the_rules_gets_no_answer() {
        let first = first("a=b,c", "abc");
        assert_eq!(first, "n=a=3Db=2Cc,r=abc");
        for server_first in ["", "r=abcd", "r=xyz,s=W22Z,i=4096", "r=abcd,s=W22Z,i=1", "r=abcd,s=!,i=4096", "e=no"] {
            assert!(answer(&first, "abc", server_first, "x").is_none(), "{server_first}");
        }
    }

    #[test]
    fn text_that_needs_preparation_is_not_plain() {
        assert!(is_plain("user", "p@ss word"));
        assert!(!is_plain("user", "pässword"));
        assert!(!is_plain("us\ner", "x"));
    }
}
