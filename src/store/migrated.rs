//! What a migration made of a store, and of which version its tables are, for the person who asked. Never names a place or a login.

use serde::Serialize;

use crate::envelope::Stage;

/// What was done with one set of tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Migrated {
    /// Which set: `house`, or `keys` for the store of child and Vorgang keys.
    pub tables: &'static str,
    /// The version it has now.
    pub version: i64,
    /// The steps that were made, in order, such as `V3 subjects`; empty where it was of this version already.
    pub made: Vec<String>,
}

impl Migrated {
    /// From what the migrating library reports, and the version of this program.
    pub fn of(tables: &'static str, version: i64, applied: &[refinery::Migration]) -> Migrated {
        let made = applied.iter().map(|step| format!("V{} {}", step.version(), step.name())).collect();
        Migrated { tables, version, made }
    }
}

/// What makes the tables of a store of a stage where there are none: where data are real no run begins one.
pub fn begun_by(stage: Stage) -> &'static str {
    match stage.is_real() {
        true => "run `drehscheibe migrate`, once",
        false => "start `drehscheibe run` or `drehscheibe migrate` once",
    }
}

/// Of which version one set of tables is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Version {
    /// Which set, as in [`Migrated`].
    pub tables: &'static str,
    /// The version that was found; `None` where there are no tables yet.
    pub found: Option<i64>,
    /// The newest version that this program knows.
    pub program: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_run_is_named_where_none_begins_a_store() {
        for stage in [Stage::Produktion, Stage::Abnahme] {
            assert!(begun_by(stage).contains("migrate") && !begun_by(stage).contains("drehscheibe run"));
        }
        assert!(begun_by(Stage::Test).contains("`drehscheibe run`"));
    }
}
