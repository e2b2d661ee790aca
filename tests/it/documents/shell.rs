//! A shell that stays open, so that what one block of commands sets is there in the next.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// A shell with the program on its `PATH`. Dropping it ends it and what it has started, which may finish its work before.
pub(super) struct Shell {
    child: Child,
    commands: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Shell {
    /// Opens a shell in a folder.
    pub(super) fn open(folder: &Path) -> Self {
        let program = Path::new(env!("CARGO_BIN_EXE_campaign-manager"));
        let path = format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap());
        // Commands that wait for something in vain end with it.
        let mut child = Command::new("timeout")
            .args(["--kill-after=10", "120", "sh"])
            .current_dir(folder)
            .env("PATH", path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let (commands, output) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, commands, output }
    }

    /// Runs commands, all of which have to succeed, and returns what they printed.
    pub(super) fn run(&mut self, commands: &str) -> String {
        let end = '\0';
        // In braces, as a subshell would keep what it sets to itself.
        writeln!(self.commands, "{{ {commands}\n}} </dev/null\nprintf '\\0%s\\n' $?").unwrap();
        let mut output = Vec::new();
        self.output.read_until(end as u8, &mut output).unwrap();
        let mut status = String::new();
        self.output.read_line(&mut status).unwrap();
        let output = String::from_utf8(output).unwrap();
        assert_eq!(status.trim(), "0", "{commands}\nprinted: {output}");
        output.trim_end_matches(end).to_owned()
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // In a file, as a subshell does not know the jobs. It may have ended already.
        let _ = writeln!(self.commands, "jobs -p >jobs; kill $(cat jobs) 2>/dev/null; wait; exit");
        let _ = self.child.wait();
    }
}
