//! Selection of the image in a WIM: by number, by name, or all images.

use serde_json::Value;

use crate::golden::golden;
use crate::support::Bench;

/// Two images, the second of which has the initiator.
fn both() -> Bench {
    let bench = Bench::new();
    bench.run(&["wim", "export", "winpe.wim:1", "both.wim", "--boot"]).expect(0);
    bench.run(&["wim", "export", "winpe.wim:1", "both.wim", "--name", "Setup"]).expect(0);
    let words = ["inject", "both.wim", "--source", "install.wim", "--image", "Setup"];
    bench.run(&words).expect(0);
    bench
}

fn json(bench: &Bench, words: &[&str], code: i32) -> Value {
    let run = bench.run(&[words, &["--json"]].concat()).expect(code);
    serde_json::from_str(&run.stdout).unwrap()
}

fn numbers(document: &Value) -> Vec<u64> {
    let key = |image: &Value| image["image"].as_u64().or(image["index"].as_u64()).unwrap();
    document["images"].as_array().unwrap().iter().map(key).collect()
}

#[test]
fn verify_checks_the_selected_images() {
    let bench = both();
    golden(
        "verify-all.txt",
        &bench.run(&["verify", "both.wim", "--image", "all"]).expect(1).stdout,
    );
    bench.run(&["verify", "both.wim", "--image", "2"]).expect(0);
    bench.run(&["verify", "both.wim", "--image", "Setup"]).expect(0);
    bench.run(&["verify", "both.wim"]).expect(1);

    let all = json(&bench, &["verify", "both.wim", "--image", "all"], 1);
    assert_eq!((&all["schema"], numbers(&all)), (&1.into(), vec![1, 2]));
    for (image, code) in [("1", 1), ("2", 0)] {
        let one = json(&bench, &["verify", "both.wim", "--image", image], code);
        assert_eq!(one["image"].to_string(), image);
        assert_eq!(all["images"].as_array().unwrap().iter().find(|it| **it == one), Some(&one));
        assert_eq!(one["findings"].as_array().unwrap().is_empty(), code == 0);
    }
}

#[test]
fn info_shows_the_selected_images() {
    let bench = both();
    let info = |words: &[&str]| json(&bench, &[&["info", "both.wim"], words].concat(), 0);
    assert_eq!(numbers(&info(&[])), [1, 2]);
    assert_eq!(info(&["--image", "all"]), info(&[]));
    let second = info(&["--image", "Setup"]);
    assert_eq!((numbers(&second), &second["image_count"]), (vec![2], &2.into()));
    let error = bench.refused(&["info", "both.wim", "--image", "3"]);
    assert!(error.contains("2 (Setup)"), "{error}");
}

fn remove<'a>(words: &[&'a str]) -> Vec<&'a str> {
    [&["remove", "both.wim"], words].concat()
}

#[test]
fn remove_changes_images_with_a_record() {
    let bench = both();
    let error = bench.refused(&remove(&[]));
    assert!(error.contains("image 1 has no record"), "{error}");

    let run = bench.run(&remove(&["--image", "all", "--check"])).expect(1);
    assert!(run.stderr.contains("both.wim, image 1 has no record"), "{}", run.stderr);
    let all = json(&bench, &remove(&["--image", "all"]), 0);
    assert_eq!(numbers(&all), [2]);
    bench.run(&["verify", "both.wim", "--image", "2"]).expect(1);
    let error = bench.refused(&remove(&["--image", "all"]));
    assert!(error.contains("no record"), "{error}");
}
