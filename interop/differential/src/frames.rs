//! Bytes that are no request: each good request of frames.txt, at every version, spoilt in every place where it can be.

use std::rc::Rc;

use crate::encode::{self, Encoded, Mark, varint};
use crate::run::{CORRELATION_ID, Runner, lines};
use crate::schema::Api;
use crate::value::Value;

/// The connection that these go over, which is opened anew when a broker closes it.
const CONNECTION: &str = "frames";

/// A frame, what is wrong with it, and the version that its answer has.
struct Spoilt {
    what: String,
    frame: Vec<u8>,
}

/// Sends everything that the file's requests can be spoilt into.
pub(crate) fn run(runner: &mut Runner, text: &str) -> Result<(), String> {
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (name, request) = line.split_once(' ').ok_or_else(|| format!("no request: {line}"))?;
        let api = runner.api(name)?;
        let request = Value::parse(request).map_err(|error| format!("{name}: {error}"))?;
        let (low, high) = runner.versions.both(name)?;
        for version in low..=high {
            let spoilt =
                spoil(&api, version, &request).map_err(|error| format!("{name} {version}: {error}"))?;
            for spoilt in spoilt {
                compare(runner, &api, version, version, &spoilt);
            }
        }
        for version in [low - 1, -1, runner.versions.highest(name) + 1, i16::MAX] {
            let header_version = if api.request.flexible.contain(version) { 2 } else { 1 };
            let frame = frame(&api, version, header_version, &Encoded::default());
            let spoilt = Spoilt { what: "a version that nobody serves".to_owned(), frame };
            compare(runner, &api, version, 0, &spoilt);
        }
    }
    let api = runner.api("Metadata")?;
    for key in [-1, 1000, i16::MAX] {
        let mut frame = frame(&api, 0, 1, &Encoded::default());
        frame[..2].copy_from_slice(&key.to_be_bytes());
        compare(runner, &api, 0, 0, &Spoilt { what: format!("the api key {key}"), frame });
    }
    for (what, frame) in
        [("an empty frame", vec![]), ("a frame of one byte", vec![0]), ("half a header", vec![0, 3, 0, 0, 0])]
    {
        compare(runner, &api, 0, 0, &Spoilt { what: what.to_owned(), frame });
    }
    Ok(())
}

fn compare(runner: &mut Runner, api: &Rc<Api>, version: i16, answered: i16, spoilt: &Spoilt) {
    let _ = runner.kafka.send(CONNECTION, &spoilt.frame);
    let _ = runner.millstream.send(CONNECTION, &spoilt.frame);
    let brokers = [&mut runner.kafka, &mut runner.millstream];
    let answers = brokers.map(|broker| lines(api, answered, &broker.receive(CONNECTION, CORRELATION_ID)));
    let asked = format!("{} {version}: bytes: {}", api.name, spoilt.what);
    runner.judge(&asked, api, version, &answers);
}

fn frame(api: &Api, version: i16, header_version: i16, body: &Encoded) -> Vec<u8> {
    let mut bytes = encode::header(api.key, version, header_version, CORRELATION_ID).bytes;
    bytes.extend_from_slice(&body.bytes);
    bytes
}

fn spoil(api: &Api, version: i16, request: &Value) -> Result<Vec<Spoilt>, String> {
    let flexible = api.request.flexible.contain(version);
    let header_version = if flexible { 2 } else { 1 };
    let body = encode::message(&api.request, version, request)?;
    let whole = frame(api, version, header_version, &body);
    let start = whole.len() - body.bytes.len();
    let mut all = vec![];
    let mut add = |what: String, frame: Vec<u8>| all.push(Spoilt { what, frame });
    add("nothing wrong".into(), whole.clone());
    if !body.bytes.is_empty() {
        add("the last byte is missing".into(), whole[..whole.len() - 1].to_vec());
        add("half of it is missing".into(), whole[..start + body.bytes.len() / 2].to_vec());
        add("all but the header is missing".into(), whole[..start].to_vec());
    }
    add("a byte follows".into(), [whole.as_slice(), &[0]].concat());
    add("eight bytes follow".into(), [whole.as_slice(), &[0xff; 8]].concat());
    add("the header of other versions".into(), frame(api, version, 3 - header_version, &body));
    let mut no_client = whole.clone();
    no_client.splice(8..22, [0xff, 0xff]);
    add("no client id".into(), no_client);
    let mut negative_client = whole.clone();
    negative_client.splice(8..10, [0xff, 0xf0]);
    add("a client id of negative length".into(), negative_client);
    let mut long_client = whole.clone();
    long_client.splice(8..10, [0x7f, 0xff]);
    add("a client id that is longer than the frame".into(), long_client);
    if flexible {
        let mut tagged = whole.clone();
        tagged.splice(start - 1..start, [1, 77, 2, 1, 2]);
        add("an unknown tag in the header".into(), tagged);
    }
    for (number, (at, mark)) in body.marks.iter().enumerate() {
        let number = number + 1;
        let mut put = |what: &str, bytes: &[u8], width: usize| {
            let mut frame = whole.clone();
            frame.splice(start + at..start + at + width, bytes.iter().copied());
            add(format!("{what} (place {number})"), frame);
        };
        match mark {
            Mark::Length { width: 0 } => {
                let width = width_of_varint(&body.bytes[*at..]);
                let one_more = long(u64::from(body.bytes[*at]) + 1);
                put("null", &[0], width);
                put("a length of 2^31-1", &long(1 << 31), width);
                put("a length of 2^32-2", &long(u64::from(u32::MAX)), width);
                put("a length without end", &[0xff; 10], width);
                if width == 1 {
                    put("a length of one more", &one_more, width);
                }
            }
            Mark::Length { width } => {
                let most = [[0x7f].as_slice(), &[0xff; 3]].concat();
                put("null", &[0xff; 4][..*width], *width);
                put("a length of -2", &[[0xff; 3].as_slice(), &[0xfe]].concat()[4 - width..], *width);
                put("the greatest length", &most[..*width], *width);
                let last = start + at + width - 1;
                let one_more = [&whole[start + at..last], &[whole[last].wrapping_add(1)]].concat();
                put("a length of one more", &one_more, *width);
            }
            Mark::Text { bytes } if *bytes > 0 => put("a text that is no UTF-8", &[0xff], 1),
            Mark::Text { .. } => {}
            Mark::Tags => {
                put("an unknown tag", &[1, 77, 2, 1, 2], 1);
                put("a tag without end", &[1, 77, 0x7f], 1);
                put("very many tags", &long(u64::from(u32::MAX)), 1);
            }
        }
    }
    Ok(all)
}

fn long(value: u64) -> Vec<u8> {
    let mut bytes = vec![];
    varint(value, &mut bytes);
    bytes
}

fn width_of_varint(bytes: &[u8]) -> usize {
    bytes.iter().take_while(|byte| *byte & 0x80 != 0).count() + 1
}
