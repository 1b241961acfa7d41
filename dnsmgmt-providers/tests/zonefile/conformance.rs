//! The provider `zonefile` keeps the contract.

use dnsmgmt_core::name::Name;
use dnsmgmt_providers::zonefile::{Zonefile, ZonefileConfig};

#[tokio::test]
async fn the_provider_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lab.zone");
    let text = "$TTL 1h\n@ IN SOA ns host 1 1h 15m 1w 5m\n  NS ns\nns A 10.0.0.1\n";
    std::fs::write(&path, text).unwrap();
    let origin = Some(Name::parse("lab.example").unwrap());
    let provider =
        Zonefile::open(ZonefileConfig { name: "zonefile".into(), path: path.clone(), origin, make_missing: false })
            .unwrap();
    fixtures::conformance::check(&provider).await;
    let after = std::fs::read_to_string(path).unwrap();
    let serial = after.split_whitespace().nth(7).expect("a serial");
    assert_eq!(after.replacen(serial, "1", 1), text, "but for its serial the file is what it was");
}
