//! What was shown once, shown again: spelt another way, by another system, at the other side's door,
//! after a restart. And what was made out to somebody else.

use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;

use crate::simulators::client::{Client, Message, PHYSICIAN, Reply, discovery};
use crate::simulators::hospital::{HANAKO, Hospital};
use crate::simulators::network::{HIROSHIMA, Network, OKAYAMA, Plan, TOTTORI, consent};

async fn write(client: &Client) -> Message {
    client.write::<CrossGatewayPatientDiscovery>(&discovery(HANAKO.demographics())).await
}

fn is_refused_for(reply: &Reply, prefix: &str) -> bool {
    reply.status == 500 && reply.fault().subcodes.iter().any(|code| code.starts_with(prefix))
}

/// The same message under another MessageID, which nobody signs.
fn renamed(message: &Message) -> Message {
    let (_, rest) = message.body.split_once("MessageID").unwrap();
    let id = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    let fresh = format!("urn:uuid:{}", uuid::Uuid::new_v4());
    Message { body: message.body.replace(id, &fresh), ..message.clone() }
}

/// The same with the id spelt another way.
fn spaced(message: &Message) -> Message {
    let (_, rest) = message.body.split_once("MessageID").unwrap();
    let id = rest.split_once('>').unwrap().1.split('<').next().unwrap();
    Message { body: message.body.replace(id, &format!("\r\n  {id}\t")), ..message.clone() }
}

async fn nothing_is_taken_again(okayama: &Network, of_peer: &Message, of_portal: &Message) {
    let (gateway, portal) = (okayama.asked_by(HIROSHIMA, PHYSICIAN), okayama.portal(PHYSICIAN));
    for message in [of_peer.clone(), spaced(of_peer)] {
        let reply = gateway.send(&message).await;
        assert!(is_refused_for(&reply, "wsa:DuplicateMessageID"), "{}", reply.text());
    }
    for message in [of_portal.clone(), spaced(of_portal)] {
        let reply = portal.send(&message).await;
        assert!(is_refused_for(&reply, "wsa:DuplicateMessageID"), "{}", reply.text());
    }
    // Stolen: over another system's connection, under the id it had and under a fresh one.
    let (thief, ward) = (okayama.asked_by(TOTTORI, PHYSICIAN), okayama.at_system("ward", PHYSICIAN));
    for (by, message) in [(&thief, of_peer), (&ward, of_portal), (&gateway, of_portal), (&portal, of_peer)] {
        for message in [message.clone(), renamed(message)] {
            let reply = by.send(&message).await;
            assert!(is_refused_for(&reply, "wsse:"), "{}", reply.text());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_once_is_never_taken_again_also_after_a_restart_and_on_neither_side() {
    let hospital = Hospital::okayama_university();
    hospital.files("0000012345", &HANAKO, &["ADT-00"]);
    let plan = Plan::new(OKAYAMA).hospital(&hospital).peer(HIROSHIMA, 1).peer(TOTTORI, 2);
    let okayama = plan.consent(consent("N-1", &hospital, "0000012345", HIROSHIMA)).start().await;
    let (gateway, portal) = (okayama.asked_by(HIROSHIMA, PHYSICIAN), okayama.portal(PHYSICIAN));
    let (of_peer, of_portal) = (write(&gateway).await, write(&portal).await);
    assert_eq!(gateway.send(&of_peer).await.status, 200);
    assert_eq!(portal.send(&of_portal).await.status, 200);
    nothing_is_taken_again(&okayama, &of_peer, &of_portal).await;
    let okayama = okayama.restarted().await;
    nothing_is_taken_again(&okayama, &of_peer, &of_portal).await;
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 2, "those two alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_made_out_to_another_network_or_by_another_opens_nothing() {
    let okayama = Plan::new(OKAYAMA).peer(HIROSHIMA, 1).peer(TOTTORI, 2).start().await;
    let port = okayama.peer_port();
    let (theirs, ours) = (
        ("https://hiroshima.example/idp", "hiroshima-saml"),
        ("https://tottori.example/idp", "tottori-saml"),
    );
    for (name, asked, certificate, issuer) in [
        ("made out to another network", TOTTORI, "hiroshima-gateway", theirs),
        ("of another network's issuer", OKAYAMA, "hiroshima-gateway", ours),
        ("over another network's connection", OKAYAMA, "tottori-gateway", theirs),
        (
            "signed by another network under the right name",
            OKAYAMA,
            "hiroshima-gateway",
            (theirs.0, "tottori-saml"),
        ),
        (
            "of a portal of ours",
            OKAYAMA,
            "hiroshima-gateway",
            ("https://portal.okayama.example/idp", "okayama-portal-idp"),
        ),
    ] {
        let client = Client::new(asked, HIROSHIMA, certificate, issuer, port, PHYSICIAN);
        let message = write(&client).await;
        let reply = client.send(&message).await;
        assert!(is_refused_for(&reply, "wsse:"), "{name}: {}", reply.text());
    }
    let records = okayama.stop().await;
    assert_eq!(records.of("release").await.len(), 0);
    assert_eq!(records.of("authentication-failure").await.len(), 5);
}
