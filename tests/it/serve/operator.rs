//! The manual of a customer's operator in the field: its calls as printed there, with the address of this server in place of
//! the one in the manual.

use super::running::Running;
use crate::harness::{Bench, Outcome, example};
use crate::interop::present;
use crate::languages::foreign;

const INSTALL: &str = r#"curl -X POST https://server.example.com/api/v1/admin/license \
     -H "Authorization: Bearer ${ADMIN_JWT}" \
     -H "Content-Type: application/json" \
     -d '{"token": "eyJ...long.base64.string..."}'"#;

const USAGE: &str = r#"curl https://server.example.com/api/v1/admin/license/usage \
     -H "Authorization: Bearer ${ADMIN_JWT}""#;

const AUDIT: &str = r#"curl 'https://server.example.com/api/v1/admin/audit?category=LICENSE&limit=10' \
         -H "Authorization: Bearer ${ADMIN_JWT}""#;

#[test]
fn the_calls_of_the_manual_work_as_printed() {
    if !present("curl", ["--version"]) || !present("bash", ["--version"]) {
        return;
    }
    let bench = Bench::new();
    bench.write("admin", "b7e1c2a4d6f80913\n");
    bench.write("defaults.json", r#"{"max_apps":3,"max_users":3}"#);
    let public = example("vendor.pub");
    let operator = [
        "--trust",
        public.as_str(),
        "--tenant",
        "acme-prod",
        "--defaults",
        "defaults.json",
        "--admin-key-file",
        "admin",
        "--ledger",
        "sqlite:book.db",
    ];
    let server = Running::start(&bench, &operator);
    let address = format!("http://{}", server.address);
    let call = |text: &str| -> Outcome {
        let text = text.replace("https://server.example.com", &address);
        let script = format!("export ADMIN_JWT=b7e1c2a4d6f80913\n{text} -s -w '%{{http_code}}'");
        foreign(&bench, "bash", ["-c", &script])
    };
    let first = call(INSTALL);
    assert!(first.stdout().contains("\"error\":\"") && first.stdout().ends_with("400"), "{first}");
    assert!(call(USAGE).stdout().contains(r#""message":"License absent. Default tier limits apply.""#));
    let terms = ["--id", "fd3a8f2a", "--expires", "2099-01-01", "--max-apps", "25", "--label", "Acme Production"];
    let token = bench.mint(&[&["--tenant", "acme-prod"], &terms[..]].concat());
    let installed = call(&INSTALL.replace("eyJ...long.base64.string...", &token));
    assert!(installed.stdout().ends_with("200"), "{installed}");
    for member in [r#""state":"ACTIVE""#, r#""licenseId":"fd3a8f2a""#, r#""expiresAt":"2099-01-01T23:59:59Z""#] {
        assert!(installed.stdout().contains(member), "{member}: {installed}");
    }
    let usage = call(USAGE);
    for member in [
        r#""state":"ACTIVE""#,
        r#""tenantId":"acme-prod""#,
        r#""label":"Acme Production""#,
        r#"{"cap":25,"current":0,"key":"max_apps","source":"license"}"#,
        r#"{"cap":3,"current":0,"key":"max_users","source":"default"}"#,
        r#""message":"License active. "#,
    ] {
        assert!(usage.stdout().contains(member), "{member}: {usage}");
    }
    assert!(!usage.stdout().contains(r#""lastValidatedAt":null"#), "{usage}");
    let audit = call(AUDIT);
    let order: Vec<usize> =
        ["reject_license", "install_license"].map(|action| audit.stdout().find(action).unwrap()).into();
    assert!(order.is_sorted() && audit.stdout().ends_with("200"), "{audit}");
    assert!(!audit.stdout().contains(&token), "{audit}");
    // What was installed is there when the server is started again.
    drop(server);
    let again = Running::start(&bench, &operator);
    let text = USAGE.replace("https://server.example.com", &format!("http://{}", again.address));
    let told = foreign(&bench, "bash", ["-c", &format!("export ADMIN_JWT=b7e1c2a4d6f80913\n{text} -s")]);
    assert!(told.stdout().contains(r#""state":"ACTIVE""#), "{told}");
}

#[test]
fn a_license_that_is_replaced_by_a_worse_one_is_told_as_what_it_is() {
    let bench = Bench::new();
    let public = example("vendor.pub");
    bench.write("site.lic", bench.mint(&["--tenant", "acme-prod", "--id", "site", "--expires", "2099-01-01"]));
    let mut server =
        Running::start(&bench, &["--trust", &public, "--license", "site.lic", "--ledger", "sqlite:book.db"]);
    let said = server.wait_for("the license of this installation was validated");
    assert!(said.contains(r#""state":"ACTIVE""#), "{said}");
    bench.write("site.lic", "garbage");
    server.signal("HUP");
    server.wait_for("the license of this installation was refused");
    let said = server.wait_for("the license of this installation was validated");
    assert!(said.contains(r#""state":"INVALID""#) && said.contains(r#""level":"ERROR""#), "{said}");
}
