//! The options of a run: those of the command line, and those of a recipe where it gives none.

use winpe_inject::{Addition, AdditionError, Chap, Recipe, Startup};

use super::Args;
use crate::failure::Failure;
use crate::images::Images;

impl Args {
    /// These options, completed by the recipe's. An option that is given here goes before that of the
    /// recipe; a list that is given here replaces that of the recipe.
    pub(super) fn completed(&self) -> Result<Self, Failure> {
        let mut args = self.clone();
        if let Some(path) = &self.recipe {
            args.complete(Recipe::read(path)?)?;
        }
        args.check()?;
        Ok(args)
    }

    fn complete(&mut self, recipe: Recipe) -> Result<(), Failure> {
        // Every key is named, so that none can be forgotten.
        let Recipe {
            wim,
            iso,
            image,
            source,
            profile,
            allow_build_mismatch,
            reg,
            add,
            integrity,
            fix_systemroot,
            output,
            force,
            force_target,
            report,
            html,
            undo_reg,
            connect,
            initiator_name,
            chap_secret_file,
            chap_at_boot,
            autostart,
            event_log_workaround,
            driver,
            strict_drivers,
        } = recipe;
        if self.wim.is_none() && self.iso.is_none() {
            self.wim = wim;
            self.iso = iso;
        }
        or(&mut self.image, image.map(Images::from));
        or(&mut self.source, source);
        or(&mut self.profile, profile);
        or(&mut self.output, output);
        or(&mut self.saved.report, report);
        or(&mut self.saved.html, html);
        or(&mut self.saved.undo_reg, undo_reg);
        or(&mut self.initiator_name, initiator_name);
        or(&mut self.chap_secret_file, chap_secret_file);
        or_all(&mut self.reg, reg);
        or_all(&mut self.connect, connect);
        or_all(&mut self.driver, driver);
        let add = add.iter().map(|pair| Addition::parse(pair));
        let add = add.collect::<Result<Vec<_>, AdditionError>>()?;
        or_all(&mut self.add, add);
        self.allow_build_mismatch |= allow_build_mismatch;
        self.integrity |= integrity;
        self.fix_systemroot |= fix_systemroot;
        self.force |= force;
        self.force_target |= force_target;
        self.chap_at_boot |= chap_at_boot;
        self.autostart |= autostart;
        self.event_log_workaround |= event_log_workaround;
        self.strict_drivers |= strict_drivers;
        Ok(())
    }

    /// What must hold between options, wherever they come from.
    fn check(&self) -> Result<(), Failure> {
        if self.wim.is_none() && self.iso.is_none() && self.recipe.is_none() {
            let failure = Failure::new(
                "there is no image to change: name a WIM, or --iso FILE, or --recipe FILE",
            );
            return Err(failure.hint("winpe-iscsi inject --help has examples"));
        }
        let named = match &self.recipe {
            Some(path) => format!("{} names", path.display()),
            None => "there is".to_owned(),
        };
        match (&self.wim, &self.iso) {
            (None, None) => return Err(Failure::new(format!("{named} neither a wim nor an iso"))),
            (Some(_), Some(_)) => {
                return Err(Failure::new(format!("{named} both a wim and an iso")));
            }
            _ => {}
        }
        if self.strict_drivers && self.driver.is_empty() {
            return Err(Failure::new("--strict-drivers is about drivers, and there are none"));
        }
        if self.allow_build_mismatch && self.source.is_none() && self.iso.is_none() {
            return Err(Failure::new(
                "--allow-build-mismatch is about a source, and there is none",
            ));
        }
        if self.force && self.output.is_none() {
            return Err(Failure::new("--force overwrites the file of --output, and there is none"));
        }
        Ok(())
    }

    /// What WinPE is to do by itself.
    pub(super) fn startup(&self) -> Result<Startup, Failure> {
        let mut startup = Startup::new()
            .connect(self.connect.iter().cloned())
            .chap_at_boot(self.chap_at_boot)
            .autostart(self.autostart)
            .event_log_workaround(self.event_log_workaround)
            .drivers(&self.driver)
            .strict_drivers(self.strict_drivers)
            .whole(self.recipe.is_some());
        if let Some(name) = &self.initiator_name {
            startup = startup.initiator(name.clone());
        }
        if let Some(path) = &self.chap_secret_file {
            startup = startup.chap(Chap::read(path)?);
        }
        Ok(startup)
    }
}

fn or<T>(option: &mut Option<T>, other: Option<T>) {
    if option.is_none() {
        *option = other;
    }
}

fn or_all<T>(list: &mut Vec<T>, other: Vec<T>) {
    if list.is_empty() {
        *list = other;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Args as _;

    /// A pipeline can say in a recipe whatever it can say on the command line.
    #[test]
    fn every_option_has_its_key_and_every_key_its_option() {
        let command = super::Args::augment_args(clap::Command::new("inject"));
        // These say what a run is for, not what the image becomes.
        let of_the_run = ["recipe", "dry-run", "check", "stat", "explain", "help"];
        let options: BTreeSet<_> = command
            .get_arguments()
            .map(|argument| argument.get_long().unwrap_or(argument.get_id().as_str()))
            .filter(|name| !of_the_run.contains(name))
            .map(str::to_owned)
            .collect();
        let schema = winpe_inject::recipe_schema();
        let keys = schema.pointer("/$defs/Recipe/properties").unwrap().as_object().unwrap();
        assert_eq!(options, keys.keys().cloned().collect());
    }
}
