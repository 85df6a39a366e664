//! The sink, the publisher and the ceiling's client are processes of their own, so that the kernel tells
//! what each costs: this program run again in another role, asked and answering in lines of JSON.

use std::io::{BufRead as _, Write as _};
use std::process::Stdio;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{ChildStdin, ChildStdout, Command};

/// A process of this program in another role. It ends with its standard input.
pub(crate) struct Child {
    role: &'static str,
    pid: u32,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    _process: tokio::process::Child,
}

impl Child {
    pub(crate) fn start(role: &'static str, config: &Value) -> anyhow::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .args([role, &config.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let pid = process.id().context("it ended at once")?;
        let input = process.stdin.take().context("no standard input")?;
        let lines = BufReader::new(process.stdout.take().context("no standard output")?).lines();
        Ok(Self { role, pid, input, lines, _process: process })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    pub(crate) async fn ask(&mut self, question: &Value) -> anyhow::Result<Value> {
        self.tell(question).await?;
        self.answer().await
    }

    pub(crate) async fn tell(&mut self, question: &Value) -> anyhow::Result<()> {
        self.input.write_all(format!("{question}\n").as_bytes()).await?;
        Ok(())
    }

    pub(crate) async fn answer(&mut self) -> anyhow::Result<Value> {
        let Some(line) = self.lines.next_line().await? else { bail!("the {} ended", self.role) };
        let answer: Value = serde_json::from_str(&line)?;
        match answer["error"].as_str() {
            Some(error) => bail!("the {}: {error}", self.role),
            None => Ok(answer),
        }
    }
}

/// The child's side: says one line of its own accord.
pub(crate) fn say(answer: &Value) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{answer}")?;
    Ok(out.flush()?)
}

/// The child's side: answers until nobody asks any more.
pub(crate) fn answer_all(mut answer: impl FnMut(Value) -> anyhow::Result<Value>) -> anyhow::Result<()> {
    for line in std::io::stdin().lock().lines() {
        let answered = serde_json::from_str(&line?).map_err(Into::into).and_then(&mut answer);
        say(&answered.unwrap_or_else(|error| json!({ "error": format!("{error:#}") })))?;
    }
    Ok(())
}
