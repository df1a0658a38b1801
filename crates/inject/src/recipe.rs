//! Recipes: all options of a job in one file, for version control.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use thiserror::Error;
use winpe_wim::ImageSelector;

use crate::profile::{Profile, bounded};
use crate::startup::{IscsiName, SanUri};

/// `[inject]` of a `winpe-iscsi.toml`. Each key is the option of the same name.
///
/// ```
/// # let dir = tempfile::tempdir()?;
/// # let path = dir.path().join("winpe-iscsi.toml");
/// # let text = r#"
/// [inject]
/// wim = "winpe.wim"
/// source = "install.wim:1"
/// output = "out/lab.wim"
/// connect = ["iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"]
/// autostart = true
/// # "#;
/// # std::fs::write(&path, text)?;
/// let recipe = winpe_inject::Recipe::read(&path)?;
/// // Paths are relative to the recipe.
/// assert_eq!(recipe.wim, Some(dir.path().join("winpe.wim")));
/// assert_eq!(recipe.connect[0].host(), "192.168.0.20");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[schemars(
    description = "`[inject]`: what to put into an image. Each key is the option of the same name."
)]
pub struct Recipe {
    /// The WIM with the WinPE image.
    #[schemars(example = &"winpe.wim")]
    pub wim: Option<PathBuf>,
    /// Take both the WinPE and the initiator's files from an installation disc; needs `output`.
    #[schemars(example = &"Windows.iso")]
    pub iso: Option<PathBuf>,
    /// Which image, by number or name, or `all`; the default is the boot image.
    #[schemars(example = 2, example = &"all")]
    pub image: Option<RecipeImage>,
    /// Where the initiator's files come from, as `PATH[:IMAGE]`: a WIM, an ISO image, or a folder that
    /// holds Windows.
    #[schemars(example = &"install.wim:1")]
    pub source: Option<String>,
    /// What to put in: a built-in profile, or a folder with a `profile.toml`.
    #[schemars(example = &"./my-profile")]
    pub profile: Option<String>,
    /// Take a source of another build than the image's.
    #[schemars(example = true)]
    pub allow_build_mismatch: bool,
    /// Further `.reg` files.
    #[schemars(example = vec!["tweaks.reg"])]
    pub reg: Vec<PathBuf>,
    /// Further files and folders, as `SRC=DEST`.
    #[schemars(example = vec![r"tools=\Tools"])]
    pub add: Vec<String>,
    /// Add an integrity table to a WIM without one.
    #[schemars(example = true)]
    pub integrity: bool,
    /// Write the result to this file, and leave the WIM as it is.
    #[schemars(example = &"out/lab.wim")]
    pub output: Option<PathBuf>,
    /// Overwrite `output`.
    #[schemars(example = true)]
    pub force: bool,
    /// Change an image that is not WinPE, or write over a file that this job reads.
    #[schemars(example = true)]
    pub force_target: bool,
    /// Write the report to this file too, as JSON.
    #[schemars(example = &"report.json")]
    pub report: Option<PathBuf>,
    /// Write the report to this file, as a page for a browser, with all that it needs.
    #[schemars(example = &"report.html")]
    pub html: Option<PathBuf>,
    /// Write a `.reg` file that undoes the changes of the registry.
    #[schemars(example = &"undo.reg")]
    pub undo_reg: Option<PathBuf>,
    /// Targets that WinPE logs in to, as `iscsi:HOST:PROTOCOL:PORT:LUN:NAME`.
    #[schemars(example = vec!["iscsi:192.168.0.20::::iqn.2011-12.com.example:win7"])]
    #[schemars(with = "Vec<String>", inner(regex(pattern = "^[iI][sS][cC][sS][iI]:")))]
    pub connect: Vec<SanUri>,
    /// Make image 1 of a setup's `boot.wim` boot by itself.
    #[schemars(example = true)]
    pub fix_systemroot: bool,
    /// The initiator's iSCSI name.
    #[schemars(with = "Option<String>", example = &"iqn.2011-12.com.example:lab")]
    pub initiator_name: Option<IscsiName>,
    /// A file of two lines: the CHAP name and the secret. The recipe itself never holds a secret.
    #[schemars(example = &"/run/secrets/chap")]
    pub chap_secret_file: Option<PathBuf>,
    /// Take the CHAP name and secret from the boot server, which gives each machine its own.
    #[schemars(example = true)]
    pub chap_at_boot: bool,
    /// Start the initiator and log in when WinPE starts.
    #[schemars(example = true)]
    pub autostart: bool,
    /// Deal with the event log of Windows 11, without which the initiator does not start.
    #[schemars(example = true)]
    pub event_log_workaround: bool,
    /// Driver packages that WinPE loads before the network starts: folders, trees, INFs, `.zip` or `.cab`
    /// files.
    #[schemars(example = vec!["drivers/netkvm"])]
    pub driver: Vec<PathBuf>,
    /// Refuse a driver package of a tree or an archive that cannot be used, instead of skipping it.
    #[schemars(example = true)]
    pub strict_drivers: bool,
}

/// An image of a WIM.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(untagged, expecting = "expected the number or the name of an image")]
pub enum RecipeImage {
    /// By number, from 1.
    Number(u32),
    /// By name.
    Name(String),
}

impl From<RecipeImage> for ImageSelector {
    fn from(image: RecipeImage) -> Self {
        match image {
            RecipeImage::Number(number) => Self::Index(number),
            RecipeImage::Name(name) => Self::Name(name),
        }
    }
}

/// Why a recipe cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RecipeError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It has another form than expected.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Text {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// Counted from 1, in characters.
        column: usize,
        /// What was found and what was expected.
        message: String,
    },
    /// It has no `[inject]`.
    #[error("{} has no [inject]", .0.display())]
    NoInject(PathBuf),
}

/// The whole file. The server reads its own sections.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "winpe-iscsi.toml")]
#[allow(dead_code, reason = "the sections of the server are known and not read")]
pub(crate) struct RecipeFile {
    /// What to put into an image.
    inject: Option<Recipe>,
    /// The server.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    serve: Option<IgnoredAny>,
    /// Clients with other settings.
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    client: Option<IgnoredAny>,
    /// The menu.
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    entry: Option<IgnoredAny>,
    /// Who may see the boots.
    #[schemars(with = "Option<serde_json::Map<String, serde_json::Value>>")]
    watch: Option<IgnoredAny>,
}

impl Recipe {
    /// Reads `[inject]` of a file. Relative paths become relative to the file's folder.
    ///
    /// # Errors
    /// [`RecipeError`] with line and column.
    pub fn read(path: &Path) -> Result<Self, RecipeError> {
        let text = Self::read_text(path)
            .map_err(|source| RecipeError::Read { path: path.into(), source })?;
        let file: RecipeFile = toml::from_str(&text).map_err(|error| {
            let (line, column) = bounded::place(&text, error.span());
            let message = error.message().trim().to_owned();
            RecipeError::Text { path: path.into(), line, column, message }
        })?;
        let recipe = file.inject.ok_or_else(|| RecipeError::NoInject(path.into()))?;
        Ok(recipe.below(path.parent().unwrap_or(Path::new(""))))
    }

    /// The text of the file, which is the server's configuration too: at most 256 KiB.
    ///
    /// # Errors
    /// [`FileTooLarge`](std::io::ErrorKind::FileTooLarge) for more, and as for any file.
    pub fn read_text(path: &Path) -> std::io::Result<String> {
        let bytes = bounded::read(path, bounded::TOML)?;
        String::from_utf8(bytes)
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }

    /// The recipe with its relative paths resolved against a folder.
    fn below(mut self, folder: &Path) -> Self {
        let read = [&mut self.wim, &mut self.iso, &mut self.chap_secret_file];
        let written = [&mut self.output, &mut self.report, &mut self.html, &mut self.undo_reg];
        let one = read.into_iter().chain(written).flatten();
        let paths = one.chain(&mut self.reg).chain(&mut self.driver);
        paths.for_each(|path| *path = folder.join(&*path));
        let join = |text: &mut String| *text = folder.join(&*text).to_string_lossy().into_owned();
        // `PATH:IMAGE` and `SRC=DEST` begin with a path.
        self.source.iter_mut().chain(&mut self.add).for_each(join);
        if let Some(profile) = self.profile.as_mut().filter(|it| !is_builtin(it)) {
            join(profile);
        }
        self
    }
}

fn is_builtin(profile: &str) -> bool {
    Profile::builtin_names().contains(&profile)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn read(text: &str) -> Result<Recipe, RecipeError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recipe.toml");
        fs::write(&path, text).unwrap();
        Recipe::read(&path)
    }

    #[test]
    fn paths_are_relative_to_the_recipe_and_names_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("recipe.toml");
        let text = r"[inject]
wim = 'winpe.wim'
source = 'a/install.wim:1'
profile = 'mine'
add = ['tools=\Tools', '/abs=x']
driver = ['net']
chap-secret-file = '/run/chap'
output = '../out.wim'
undo-reg = 'undo.reg'
html = 'report.html'
";
        fs::write(&path, text).unwrap();
        let recipe = Recipe::read(&path).unwrap();
        let below = |name: &str| dir.path().join(name);
        let text = |name: &str| below(name).to_str().unwrap().to_owned();
        assert_eq!(recipe.wim, Some(below("winpe.wim")));
        assert_eq!(recipe.source, Some(text("a/install.wim:1")));
        assert_eq!(recipe.profile, Some(text("mine")));
        assert_eq!(recipe.add, [text(r"tools=\Tools"), "/abs=x".to_owned()]);
        assert_eq!(recipe.driver, [below("net")]);
        assert_eq!(recipe.chap_secret_file, Some(PathBuf::from("/run/chap")));
        assert_eq!(recipe.output, Some(below("../out.wim")));
        assert_eq!(recipe.undo_reg, Some(below("undo.reg")));
        assert_eq!(recipe.html, Some(below("report.html")));

        fs::write(&path, "[inject]\nprofile = 'iscsi-winpe3'\n").unwrap();
        assert_eq!(Recipe::read(&path).unwrap().profile.as_deref(), Some("iscsi-winpe3"));
    }

    #[test]
    fn the_sections_of_the_server_are_not_read() {
        let server = "[serve]\nmode = 'proxy'\n[watch]\n[[entry]]\nname = 'x'\n";
        let recipe = read(&format!("{server}[inject]\nimage = 2\n"));
        assert_eq!(recipe.unwrap().image, Some(RecipeImage::Number(2)));
        assert!(matches!(read("[serve]\n"), Err(RecipeError::NoInject(_))));
    }

    #[test]
    fn errors_have_their_place() {
        for (text, place, says) in [
            ("[inject]\n  autostrat = true\n", ":2:3: ", "unknown field `autostrat`"),
            ("[injct]\n", ":1:2: ", "unknown field `injct`"),
            ("[inject]\nconnect = ['iscsi:h']\n", ":2:11: ", "a colon after the host"),
            ("[inject]\ninitiator-name = 'host'\n", ":2:18: ", "iqn."),
            ("[inject]\nimage = true\n", ":2:9: ", "the number or the name"),
            ("[inject\n", ":1:8: ", ""),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(place) && error.contains(says), "{text}: {error}");
        }
    }
}
