//! As much of Markdown as the pages use.

use std::fs;
use std::path::PathBuf;

use winpe_tests::workspace;

/// A page, by its path from the workspace.
pub(crate) struct Page {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block: its language, the line of its first line, its lines without their indentation.
pub(crate) struct Block {
    pub(crate) language: String,
    pub(crate) line: usize,
    pub(crate) text: String,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(workspace().join(name))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { name: name.to_owned(), text }
    }

    /// Every page of the book, the summary included, and the documents beside it.
    pub(crate) fn all() -> Vec<Self> {
        let mut names: Vec<_> = book().into_iter().map(|name| format!("docs/{name}")).collect();
        for name in
            ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
        {
            names.push(name.to_owned());
        }
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// The folder that its links start from.
    pub(crate) fn folder(&self) -> PathBuf {
        workspace().join(&self.name).parent().expect("a page is in a folder").to_path_buf()
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<(usize, Block)> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            let bare = line.trim_start();
            if let Some((indent, mut block)) = open.take() {
                if bare.starts_with("```") {
                    blocks.push(block);
                } else {
                    block.text += line.get(indent..).unwrap_or(bare);
                    block.text.push('\n');
                    open = Some((indent, block));
                }
            } else if let Some(language) = bare.strip_prefix("```") {
                let language = language.trim().to_owned();
                let block = Block { language, line: number + 1, text: String::new() };
                open = Some((line.len() - bare.len(), block));
            }
        }
        assert!(open.is_none(), "{}: a block does not end", self.name);
        blocks
    }

    /// Its text without fenced blocks and without code.
    fn prose(&self) -> String {
        let mut fenced = false;
        let mut prose = String::new();
        for line in self.text.lines() {
            if line.trim_start().starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                prose += line;
                prose.push('\n');
            }
        }
        // Every second piece is code. A link whose text is code keeps its brackets.
        prose.split('`').step_by(2).collect()
    }

    /// The targets of its links.
    pub(crate) fn links(&self) -> Vec<String> {
        let prose = self.prose();
        let inline =
            prose.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned()));
        inline.collect()
    }

    /// The files and folders of the repository that it names as code, such as `crates/hive/src`.
    pub(crate) fn paths(&self) -> Vec<String> {
        const TOP: [&str; 10] = [
            "benches/",
            "crates/",
            "docs/",
            "findings/",
            "fixtures/",
            "fuzz/",
            "packaging/",
            "scripts/",
            "tests/",
            ".ci/",
        ];
        let outside = self.text.split("```").step_by(2).collect::<String>();
        let code = outside.split('`').skip(1).step_by(2);
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
        code.filter(|it| TOP.iter().any(|top| it.starts_with(top)) && it.chars().all(plain))
            .map(str::to_owned)
            .filter(|it| !it.contains("NAME"))
            .collect()
    }

    /// The anchors of its headings, as mdBook and forges make them.
    pub(crate) fn anchors(&self) -> Vec<String> {
        let mut fenced = false;
        let mut anchors = Vec::new();
        for line in self.text.lines() {
            fenced ^= line.starts_with("```");
            let heading = line.trim_start_matches('#');
            if !fenced && heading.len() < line.len() && heading.starts_with(' ') {
                anchors.push(anchor(heading.trim()));
            }
        }
        anchors
    }
}

/// Letters, digits, `_` and `-`, in lower case; spaces become `-`.
pub(crate) fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|&c| c.is_alphanumeric() || " _-".contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

/// The names of the Markdown files of the book.
pub(crate) fn book() -> Vec<String> {
    let files = fs::read_dir(workspace().join("docs")).expect("docs/");
    let names = files.map(|file| file.expect("a file").file_name().into_string().expect("a name"));
    let mut names: Vec<_> = names.filter(|name| name.ends_with(".md")).collect();
    names.sort();
    names
}

#[test]
fn blocks_links_and_anchors_are_found() {
    let text = "# A `b.c` d\n\n- x\n\n  ```sh\n  a\n    b\n  ```\n[y](z.md#q) `[n](o)` [`k`](l)\n```toml\n# no\n```\n";
    let page = Page { name: "x.md".to_owned(), text: text.to_owned() };
    let blocks: Vec<_> =
        page.blocks().into_iter().map(|it| (it.language, it.line, it.text)).collect();
    assert_eq!(
        blocks,
        [("sh".into(), 6, "a\n  b\n".into()), ("toml".into(), 11, "# no\n".into())]
            as [(String, usize, String); 2]
    );
    assert_eq!(page.links(), ["z.md#q", "l"]);
    assert_eq!(page.anchors(), ["a-bc-d"]);
    let text = "`crates/a/b.rs` `winpe-iscsi` `tests/x y` ``` `docs/no` ``` `scripts/z`".to_owned();
    assert_eq!(Page { text, ..page }.paths(), ["crates/a/b.rs", "scripts/z"]);
}
