//! The wire form: modules survive it, hashes are stable, and no bytes make the decoder panic or grow.

use ir::wire::{WireError, decode, decode_verified, encode, hash};

mod support;

use support::{Random, corpus_modules, everything};

const HEADER_BYTES: usize = 38;

/// The payload with a header that fits it.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = encode(&everything());
    bytes.truncate(HEADER_BYTES);
    bytes[6..38].copy_from_slice(&ir::wire::payload_digest(payload));
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn modules_survive() {
    let module = everything();
    assert_eq!(decode(&encode(&module)).as_ref(), Ok(&module));
    let modules = corpus_modules();
    assert!(modules.len() > 10);
    for (name, module) in modules {
        assert_eq!(decode_verified(&encode(&module)).as_ref(), Ok(&module), "{name}");
    }
}

#[test]
fn the_hash_is_of_everything_in_the_module() {
    let (_, module) = corpus_modules().into_iter().find(|(name, _)| name == "fibonacci").unwrap();
    let same = ir::text::parse(&ir::text::print(&module)).unwrap();
    assert_eq!(hash(&module), hash(&same));
    let mut other = module.clone();
    other.funcs[0].blocks[0].insts[0].span.column += 1;
    assert_ne!(hash(&module), hash(&other));
    let mut other = module.clone();
    other.files[0].push('x');
    assert_ne!(hash(&module), hash(&other));
}

#[test]
fn other_bytes_are_named_for_what_they_are() {
    let (_, module) = corpus_modules().into_iter().find(|(name, _)| name == "fibonacci").unwrap();
    let bytes = encode(&module);
    assert_eq!(decode(b""), Err(WireError::Magic));
    assert_eq!(decode(b"PAR1 and so on, long enough to be a header of ours"), Err(WireError::Magic));
    let mut other = bytes.clone();
    other[4] = 9;
    assert_eq!(decode(&other), Err(WireError::Version(9)));
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    assert_eq!(decode(&other), Err(WireError::Hash));
    assert_eq!(decode(&bytes[..bytes.len() - 1]), Err(WireError::Hash));
    let unverified = ir::text::parse("entry f3").unwrap();
    assert!(matches!(decode_verified(&encode(&unverified)), Err(WireError::Refused(_))));
    let mut longer = bytes[HEADER_BYTES..].to_vec();
    longer.push(0);
    let error = decode(&sealed(&longer)).unwrap_err().to_string();
    assert!(error.ends_with("the module is followed by something else"), "{error}");
}

#[test]
fn no_bytes_make_the_decoder_panic() {
    let payload = encode(&everything())[HEADER_BYTES..].to_vec();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut decoded = 0;
    for _ in 0..1_000 {
        let mut mutated = payload.clone();
        for _ in 0..=random.below(3) {
            let (at, from) = (random.below(mutated.len()), random.below(mutated.len()));
            match random.below(4) {
                0 => mutated[at] = mutated[from],
                1 => mutated[at] = random.below(256) as u8,
                2 => mutated.truncate(at.max(1)),
                _ => drop(mutated.remove(at)),
            }
        }
        if let Ok(module) = decode(&sealed(&mutated)) {
            decoded += 1;
            // The verifier has a verdict on anything, and printing does not panic.
            let _ = ir::verify(&module);
            let _ = ir::text::print(&module);
            assert_eq!(decode(&encode(&module)).as_ref(), Ok(&module));
        }
    }
    assert!(decoded > 10, "the mutations should not all be refused");
}

#[test]
fn types_cannot_be_multiplied() {
    // Each type of the table is a pair of the one before: 40 entries would be 2**40 nodes.
    let mut payload = vec![0, 40, 2];
    for index in 0..39u8 {
        payload.extend([8, 2, index, index]);
    }
    let error = decode(&sealed(&payload)).unwrap_err().to_string();
    assert!(error.ends_with("a type is too large"), "{error}");
    // One type of 4,095 nodes as the type of many values.
    let mut payload = vec![0, 12, 2];
    for index in 0..11u8 {
        payload.extend([8, 2, index, index]);
    }
    payload.extend([0, 0, 0, 0, 0, 1, 0, 0, 11, 0x80, 0x80, 0x01]);
    payload.extend(vec![11; 0x4000]);
    let error = decode(&sealed(&payload)).unwrap_err().to_string();
    assert!(error.ends_with("the types are too large together"), "{error}");
    // A list of lists of lists, 40 deep.
    let mut payload = vec![0, 40, 2];
    for index in 0..39u8 {
        payload.extend([10, index]);
    }
    let error = decode(&sealed(&payload)).unwrap_err().to_string();
    assert!(error.ends_with("a type is too large"), "{error}");
    // A list that claims more items than there are bytes.
    let error = decode(&sealed(&[0xff, 0xff, 0xff, 0xff, 0x0f])).unwrap_err().to_string();
    assert!(error.ends_with("a list is longer than the module"), "{error}");
}
