//! Boots of before the server's start: what is written for the next start, and what an earlier one wrote.

use serde_json::Value;

use crate::timeline::BootView;

/// Boots that are kept, and the bytes that they may take in all.
const BOOTS: usize = 200;
const BYTES: usize = 2 << 20;

/// Boots as JSON, the newest first.
#[derive(Debug, Default)]
pub(super) struct History(Vec<Value>);

impl History {
    /// What [`History::text`] has written. What no boot can be is left out; none where it is no such text.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let Value::Array(mut boots) = serde_json::from_slice(text).ok()? else { return None };
        boots.retain(is_boot);
        boots.truncate(BOOTS);
        Some(Self(boots))
    }

    pub(super) fn boots(&self) -> &[Value] {
        &self.0
    }

    /// The boots of now before those of earlier, as far as both are kept.
    pub(super) fn text(&self, now: impl Iterator<Item = BootView>) -> Vec<u8> {
        let now = now.filter_map(|boot| serde_json::to_vec(&boot).ok());
        let earlier = self.0.iter().filter_map(|boot| serde_json::to_vec(boot).ok());
        let mut text = b"[".to_vec();
        for boot in now.chain(earlier).take(BOOTS) {
            if text.len() + boot.len() + 2 > BYTES {
                break;
            }
            if text.len() > 1 {
                text.push(b',');
            }
            text.extend(boot);
        }
        text.push(b']');
        text
    }

    /// The most bytes of such a text.
    pub(super) const fn most() -> usize {
        BYTES
    }
}

/// Whether this has what readers of boots rely on.
fn is_boot(boot: &Value) -> bool {
    let texts = ["client"].iter().all(|key| boot[*key].is_string());
    let numbers = ["id", "began_ms", "last_ms", "bytes"].iter().all(|key| boot[*key].is_u64());
    let verdict =
        ["status", "signature", "summary"].iter().all(|key| boot["verdict"][*key].is_string());
    let lists = ["chain", "steps"].iter().all(|key| boot[*key].is_array());
    texts && numbers && verdict && lists
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, Protocol};
    use crate::logic::Time;
    use crate::timeline::{Limits, Timeline};

    fn boots(first: u8, count: u8) -> Vec<BootView> {
        let mut timeline = Timeline::new(Limits::default());
        for number in first..first + count {
            let client = std::net::SocketAddr::from(([10, 0, 0, number], 2070));
            let file = "pxelinux.0".to_owned();
            let asked = Event::Requested { protocol: Protocol::Tftp, client, file };
            timeline.record(&asked, Time::from_secs(number.into()));
        }
        let now = Time::from_secs(1000);
        let ids = timeline.boots(now).into_iter().map(|boot| boot.id);
        ids.map(|id| timeline.boot(id, now).unwrap()).collect()
    }

    fn clients(history: &History) -> Vec<&str> {
        history.boots().iter().map(|boot| boot["client"].as_str().unwrap()).collect()
    }

    #[test]
    fn boots_of_now_come_before_those_of_earlier_and_the_oldest_go() {
        let first = History::default().text(boots(1, 150).into_iter());
        let history = History::read(&first).unwrap();
        assert_eq!(history.boots().len(), 150);
        assert_eq!(history.boots()[0]["steps"][0]["file"]["name"], "pxelinux.0");
        let second = history.text(boots(151, 100).into_iter());
        let history = History::read(&second).unwrap();
        let clients = clients(&history);
        assert_eq!((clients.len(), clients[0], clients[199]), (BOOTS, "10.0.0.250", "10.0.0.51"));
    }

    #[test]
    fn what_is_no_boot_is_left_out() {
        let mut text = serde_json::to_value(boots(1, 1)).unwrap();
        let good = text[0].clone();
        for key in ["client", "id", "verdict", "chain", "steps", "began_ms"] {
            let mut wrong = good.clone();
            wrong[key] = Value::Null;
            text.as_array_mut().unwrap().push(wrong);
        }
        text.as_array_mut().unwrap().extend([Value::Null, "boot".into(), Value::Array(Vec::new())]);
        let history = History::read(&serde_json::to_vec(&text).unwrap()).unwrap();
        assert_eq!(clients(&history), ["10.0.0.1"]);
        for wrong in ["", "{}", "[", "null", "[]]"] {
            assert!(History::read(wrong.as_bytes()).is_none(), "{wrong}");
        }
    }

    #[test]
    fn its_size_is_bounded() {
        let mut boot = boots(1, 1).remove(0);
        boot.vendor_class = Some("a".repeat(100_000));
        let text = History::default().text(std::iter::repeat_n(boot, 100));
        assert!(text.len() <= History::most());
        let kept = History::read(&text).unwrap().boots().len();
        assert!((10..=21).contains(&kept), "{kept}");
    }
}
