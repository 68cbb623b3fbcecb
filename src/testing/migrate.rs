//! Migrations whose other side is played by a test.

use super::InProcess;
use crate::cluster::migrate::Fault;
use crate::exec::migrate::{self, Next};

impl InProcess {
    /// Takes the numbers of migrations that are to run.
    pub fn take_migrations(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.migrations)
    }

    /// The connection of a migration is there, fresh or in this database; what is written first.
    pub fn migration_connected(&mut self, number: u64, db: Option<i64>) -> Vec<u8> {
        migrate::connected(&mut self.server, number, db);
        self.migration_goes_on(number)
    }

    /// The other side sends bytes; what is written then.
    ///
    /// # Errors
    /// They are no answers.
    pub fn migration_receives(&mut self, number: u64, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
        migrate::received(&mut self.server, number, bytes)?;
        self.work();
        Ok(self.migration_goes_on(number))
    }

    /// What is written next; nothing while it waits, and at its end, where its client is answered.
    pub fn migration_goes_on(&mut self, number: u64) -> Vec<u8> {
        match migrate::next(&mut self.server, number) {
            Next::Talk(bytes) => bytes,
            Next::Later => Vec::new(),
            Next::End(_) => {
                migrate::ended(&mut self.server, number);
                self.work();
                Vec::new()
            }
        }
    }

    /// The connection of a migration failed; whether it is to be tried again. If not its client is answered.
    pub fn migration_fails(&mut self, number: u64, fault: Fault) -> bool {
        let again = migrate::failed(&mut self.server, number, fault);
        if !again {
            migrate::ended(&mut self.server, number);
            self.work();
        }
        again
    }
}
