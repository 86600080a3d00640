//! `warm_up_url`: which ones can be used, and what of them is asked for.

use std::collections::BTreeMap;

use haproxy_autoscale::warm_up::{WarmUp, check_url};

use super::{OK, SECONDS, Server, config, name};

#[tokio::test]
async fn a_url_is_taken_apart() {
    for (rest, path) in [("/warm?x=1", "/warm?x=1"), ("?x", "/?x"), ("", "/")] {
        let server = Server::answering(&[OK]).await;
        let (scheme, port) = ("HTTP", server.address.port());
        let url = format!("{scheme}://localhost:{port}{rest}");
        let urls = BTreeMap::from([("web3".to_owned(), url)]);
        let warm_up = WarmUp::new(&config(), &urls);
        let warmed = warm_up
            .run(&name(), None, false, SECONDS, SECONDS, |_| ())
            .await;
        assert!(warmed.is_ok(), "{rest}: {warmed:?}");
        let head = server.heads.lock().unwrap()[0].clone();
        assert!(
            head.starts_with(&format!("GET {path} HTTP/1.1\r\n")),
            "{head}"
        );
        assert!(
            head.contains(&format!("\r\nHost: localhost:{port}\r\n")),
            "{head}"
        );
    }
    assert_eq!(check_url("HTTPS://[::1]?x"), Ok(()));
    assert_eq!(check_url("http://10.0.0.13"), Ok(()));
}

#[test]
fn an_unusable_url_is_refused_with_its_text() {
    for url in [
        "",
        "10.0.0.1/",
        "ftp://a/",
        "http://",
        "http:///x",
        "http://a:0/",
        "http://a:99999/",
        "http://a:/",
        "http://u:p@a/",
        "http://a/#x",
        "http://a/ x",
        "http://a/\r\nX: y",
        "http://[::1/",
        "http://[::1]x/",
        "http://a;b/",
        "http://169.254.169.254/latest",
        "http://[fe80::1]/",
        "http://[::ffff:169.254.1.1]/",
    ] {
        let text = check_url(url).unwrap_err();
        assert!(!text.is_empty(), "{url}");
    }
}

#[test]
fn link_local_and_metadata_addresses_are_forbidden_and_private_ones_are_not() {
    for (host, is_forbidden) in [
        ("169.254.0.1", true),
        ("[fe80::1]", true),
        ("[febf::1]", true),
        ("[fd00:ec2::254]", true),
        ("[::ffff:169.254.169.254]", true),
        ("127.0.0.1", false),
        ("10.0.0.1", false),
        ("[fd00:ec2::253]", false),
        ("[::1]", false),
    ] {
        let checked = check_url(&format!("http://{host}/"));
        assert_eq!(checked.is_err(), is_forbidden, "{host}: {checked:?}");
    }
}
