use super::*;

fn key(seed: u8) -> SecretKey {
    SecretKey::from_seed(&[seed; 32])
}

#[test]
fn the_signed_bytes_are_those_of_the_specification() {
    // The example of the DSSE specification, protocol.md.
    let signed = encode("http://example.com/HelloWorld", b"hello world");
    assert_eq!(signed, b"DSSEv1 29 http://example.com/HelloWorld 11 hello world");
}

#[test]
fn any_one_signature_by_a_trusted_key_will_do_and_a_key_counts_once() {
    let envelope = Envelope::sign(Kind::Keyring, b"{}".to_vec(), &[&key(1), &key(2), &key(2)]);
    let envelope = Envelope::parse(envelope.to_json().as_bytes()).unwrap();
    let verify = |keys: &[u8], threshold| {
        let keyring: Keyring = keys.iter().map(|seed| key(*seed).public()).collect();
        envelope.verify(Kind::Keyring, &keyring, None, threshold).map(|payload| payload.signers().len())
    };
    assert_eq!(verify(&[2], 1), Ok(1));
    assert_eq!(verify(&[1, 2], 2), Ok(2));
    assert_eq!(verify(&[2], 2), Err(EnvelopeError::Threshold(1, 2)));
    assert_eq!(verify(&[3], 1), Err(EnvelopeError::UnknownKey(key(1).public().id())));
}

#[test]
fn a_further_key_signs_the_same_bytes_once() {
    let mut envelope = Envelope::sign(Kind::Keyring, b"{}".to_vec(), &[&key(1)]);
    assert!(!envelope.cosign(&key(1)));
    assert!(envelope.cosign(&key(2)));
    assert!(!envelope.cosign(&key(2)));
    assert_eq!(envelope, Envelope::sign(Kind::Keyring, b"{}".to_vec(), &[&key(1), &key(2)]));
}

#[test]
fn the_key_id_is_a_hint_and_nothing_more() {
    let json = Envelope::sign(Kind::Keyring, b"{}".to_vec(), &[&key(1)]).to_json();
    let id = key(1).public().id().to_string();
    for other in ["", "../../etc/passwd", &key(2).public().id().to_string()] {
        let envelope = Envelope::parse(json.replace(&id, other).as_bytes()).unwrap();
        let keyring: Keyring = [key(1).public(), key(2).public()].into_iter().collect();
        assert!(envelope.verify(Kind::Keyring, &keyring, None, 1).is_ok(), "{other}");
    }
}

#[test]
fn a_document_of_another_type_is_refused_though_it_is_signed() {
    let mut envelope = Envelope::sign(Kind::Keyring, b"{}".to_vec(), &[&key(1)]);
    envelope.payload_type = "application/vnd.mintage.proof+json".to_owned();
    let keyring = Keyring::from(key(1).public());
    assert!(matches!(envelope.verify(Kind::Keyring, &keyring, None, 1), Err(EnvelopeError::WrongKind(..))));
}

#[test]
fn a_signature_that_is_none_of_ours_decides_nothing() {
    let json = Envelope::sign(Kind::Keyring, b"{}".to_vec(), &[&key(1)]).to_json();
    let keyring = Keyring::from(key(1).public());
    for other in [
        format!(r#"{{"keyid":"p256","sig":"{}"}}"#, STANDARD.encode([0x30; 71])),
        r#"{"keyid":null,"sig":"!!!"}"#.to_owned(),
        r#"{"sig":""}"#.to_owned(),
    ] {
        for json in [json.replace("[{", &format!("[{other},{{")), json.replace("}]", &format!("}},{other}]"))] {
            let envelope = Envelope::parse(json.as_bytes()).unwrap();
            assert!(envelope.verify(Kind::Keyring, &keyring, None, 1).is_ok(), "{json}");
            assert!(Envelope::parse(envelope.to_json().as_bytes()).unwrap() == envelope);
        }
        let alone =
            format!(r#"{{"payload":"e30=","payloadType":"{}","signatures":[{other}]}}"#, Kind::Keyring.payload_type());
        let envelope = Envelope::parse(alone.as_bytes()).unwrap();
        assert_eq!(envelope.verify(Kind::Keyring, &keyring, None, 1).unwrap_err(), EnvelopeError::BadSignature);
    }
    let sigless = json.replace("\"sig\"", "\"sign\"");
    assert!(matches!(Envelope::parse(sigless.as_bytes()), Err(EnvelopeError::Json(_))));
}
