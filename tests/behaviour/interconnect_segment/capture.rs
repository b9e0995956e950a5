//! What goes over a cable: every frame, and whether all of it is TLS.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{ErrorKind, Read};
use std::net::Ipv4Addr;
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::oneshot;

/// Ethernet types (`/etc/ethertypes`).
const EVERYTHING: u16 = 0x0003;
const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86DD;

/// One direction of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Direction {
    pub from: (Ipv4Addr, u16),
    pub to: (Ipv4Addr, u16),
}

/// All that was seen of one machine's cables.
#[derive(Default)]
pub struct Seen {
    /// Bytes of each direction of each connection, by sequence number from its first.
    pieces: BTreeMap<Direction, (u32, BTreeMap<u32, Vec<u8>>)>,
    /// Anything that is neither TCP nor what finding a neighbour takes.
    pub other: BTreeSet<String>,
}

/// Takes every frame on this machine's cables until it is told to stop.
pub fn take(started: oneshot::Sender<()>, mut stop: oneshot::Receiver<()>) -> Seen {
    let protocol = Protocol::from(i32::from(EVERYTHING.to_be()));
    let mut socket = Socket::new(Domain::PACKET, Type::RAW, Some(protocol)).unwrap();
    socket.set_recv_buffer_size(32 << 20).unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    started.send(()).unwrap();
    let (mut seen, mut frame) = (Seen::default(), vec![0; 1 << 17]);
    loop {
        match socket.read(&mut frame) {
            Ok(length) => seen.frame(&frame[..length]),
            // The cable is silent: all that was sent before the word to stop has been taken.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                if stop.try_recv().is_ok() {
                    return seen;
                }
            }
            Err(error) => panic!("{error}"),
        }
    }
}

impl Seen {
    fn frame(&mut self, frame: &[u8]) {
        let (header, packet) = frame.split_at(14);
        match u16::from_be_bytes([header[12], header[13]]) {
            IPV4 => self.packet(packet),
            // Neighbours are found by ARP, and by ICMPv6.
            ARP => {}
            IPV6 if packet[6] == 58 || packet[6] == 0 => {}
            other => drop(self.other.insert(format!("ethernet type {other:#06x}"))),
        }
    }

    fn packet(&mut self, packet: &[u8]) {
        let (head, length) =
            (usize::from(packet[0] & 15) * 4, usize::from(u16::from_be_bytes([packet[2], packet[3]])));
        let address = |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
        let (from, to) = (address(12), address(16));
        if from.is_loopback() {
            return;
        }
        let protocol = packet[9];
        if protocol == 1 {
            // The broker's machine says that it does not lead there.
            return;
        }
        if protocol != 6 {
            self.other.insert(format!("IP protocol {protocol}"));
            return;
        }
        let segment = &packet[head..length];
        let port = |at: usize| u16::from_be_bytes([segment[at], segment[at + 1]]);
        let sequence = u32::from_be_bytes([segment[4], segment[5], segment[6], segment[7]]);
        let payload = &segment[usize::from(segment[12] >> 4) * 4..];
        let is_first = segment[13] & 2 != 0;
        let direction = Direction { from: (from, port(0)), to: (to, port(2)) };
        if is_first {
            self.pieces.entry(direction).or_insert((sequence.wrapping_add(1), BTreeMap::new()));
        } else if payload.is_empty() {
            // Acknowledgements, and the end.
        } else if let Some((first, pieces)) = self.pieces.get_mut(&direction) {
            pieces.entry(sequence.wrapping_sub(*first)).or_default().extend_from_slice(payload);
        } else {
            self.other.insert("bytes of a connection without beginning".to_owned());
        }
    }

    /// What each direction carried, in order.
    pub fn streams(&self) -> BTreeMap<Direction, Vec<u8>> {
        let joined = |pieces: &BTreeMap<u32, Vec<u8>>| {
            let mut whole: Vec<u8> = Vec::new();
            for (at, piece) in pieces {
                let known = whole.len() - usize::try_from(*at).unwrap().min(whole.len());
                assert!(usize::try_from(*at).unwrap() <= whole.len(), "a piece was not captured");
                whole.extend(piece.iter().skip(known));
            }
            whole
        };
        self.pieces.iter().map(|(direction, (_, pieces))| (*direction, joined(pieces))).collect()
    }
}

/// How many TLS records of application data this is (RFC 8446, 5.1).
///
/// # Errors
/// Where it is something else.
pub fn records(stream: &[u8]) -> Result<usize, String> {
    let (mut at, mut of_application) = (0, 0);
    while let Some(header) = stream.get(at..at + 5) {
        let length = usize::from(u16::from_be_bytes([header[3], header[4]]));
        if !(20..=23).contains(&header[0]) || header[1] != 3 || length > 16_640 {
            return Err(format!("no TLS record at {at}"));
        }
        of_application += usize::from(header[0] == 23);
        at += 5 + length;
    }
    Ok(of_application)
}

#[test]
fn a_request_without_tls_is_told_from_tls() {
    assert_eq!(records(&[23, 3, 3, 0, 2, 7, 7, 22, 3, 1, 0, 1, 9]), Ok(1));
    assert!(records(b"POST /xds/query HTTP/1.1").is_err());
    assert!(records(b"\x17\x03\x03\x00\x02ab<soap:Envelope>").is_err());
}
