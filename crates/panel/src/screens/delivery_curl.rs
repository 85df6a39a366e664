//! A delivery's request as a command, to be pasted into a shell whatever it contains; and its body laid out.

use std::borrow::Cow;

/// Longest body that fits into a command: Linux takes 128 KiB for one argument.
const BODY_BYTES_MAX: usize = 100 << 10;

/// Longest body that is laid out; what is longer is read better elsewhere.
const LAID_OUT_BYTES_MAX: usize = 64 << 10;

/// The command. A body that is too long is taken from a file, to be kept first.
pub(crate) fn command(url: &str, headers: &[(&str, Cow<'_, str>)], body: &str) -> String {
    // `[` and `{` in addresses would otherwise be patterns to curl.
    let mut lines = vec![format!("curl --globoff --request POST {}", quoted(url))];
    lines.extend(
        headers.iter().map(|(name, value)| format!("--header {}", quoted(&format!("{name}: {value}")))),
    );
    lines.push(if fits(body) {
        // Unlike `--data`, takes a leading `@` for what it is.
        format!("--data-raw {}", quoted(body))
    } else {
        "--data-binary @body.json".to_owned()
    });
    lines.join(" \\\n  ")
}

/// Whether the body is part of the command.
pub(crate) fn fits(body: &str) -> bool {
    body.len() <= BODY_BYTES_MAX
}

/// As one word of a POSIX shell: within single quotes nothing is special but the quote itself.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// The body with a line to each member, not a digit changed; none if it is long or is no JSON.
pub(crate) fn laid_out(body: &str) -> Option<String> {
    let is_json = serde_json::from_str::<&serde_json::value::RawValue>(body).is_ok();
    (body.len() <= LAID_OUT_BYTES_MAX && is_json).then(|| indented(body))
}

/// Deeper than this, lines are not moved further in: no body grows beyond measure.
const INDENT_MAX: usize = 12;

fn indented(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut letters = json.chars().peekable();
    while let Some(letter) = letters.next() {
        if in_string {
            out.push(letter);
            (in_string, escaped) = (escaped || letter != '"', !escaped && letter == '\\');
            continue;
        }
        match letter {
            '"' => {
                in_string = true;
                out.push(letter);
            }
            '{' | '[' => {
                out.push(letter);
                while letters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = letters.next_if(|next| matches!(next, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    new_line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                new_line(&mut out, depth);
                out.push(letter);
            }
            ',' => {
                out.push(letter);
                new_line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            white if white.is_ascii_whitespace() => {}
            other => out.push(other),
        }
    }
    out
}

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(INDENT_MAX)));
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use std::process::Command;

    const HOSTILE: [&str; 7] = [
        r#"{"a":"it's","b":"$(touch /nowhere/x)","c":"`id`"}"#,
        "{\"a\":\n\"two\tlines\"}",
        r"'; echo gone; '",
        r"\'",
        "@/etc/hostname",
        "!!$HOME\"%0a*?[]{}~#&|<>",
        "",
    ];

    #[test]
    fn a_shell_reads_back_exactly_what_was_quoted() {
        for text in HOSTILE {
            let script = format!("printf %s {}", quoted(text));
            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }

    #[test]
    fn the_whole_command_is_curl_and_its_arguments() {
        for body in HOSTILE {
            let headers = [("x-sellvik-event", "order.created".into()), ("webhook-id", "it's".into())];
            let command = command("https://example.com/a?b='c'&d=$(id)", &headers, body);
            let script = format!("curl() {{ printf '%s\\0' \"$@\"; }}\n{command}");
            let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let arguments: Vec<&str> = text.strip_suffix('\0').unwrap_or(&text).split('\0').collect();
            let expected = [
                "--globoff",
                "--request",
                "POST",
                "https://example.com/a?b='c'&d=$(id)",
                "--header",
                "x-sellvik-event: order.created",
                "--header",
                "webhook-id: it's",
                "--data-raw",
                body,
            ];
            assert_eq!(arguments, expected);
        }
    }

    #[test]
    fn a_body_too_long_for_a_command_is_taken_from_a_file() {
        let command = command("https://example.com/", &[], &"x".repeat(BODY_BYTES_MAX + 1));
        assert!(command.ends_with("--data-binary @body.json") && command.len() < 200);
    }

    #[test]
    fn bodies_are_laid_out_without_changing_a_value() {
        let body = r#"{"id":"evt_1","n":1.50,"big":12345678901234567890123,"s":"a\"{[,: \\","e":{},"l":[ ],"d":{"x":[1,2]}}"#;
        let expected = r#"{
  "id": "evt_1",
  "n": 1.50,
  "big": 12345678901234567890123,
  "s": "a\"{[,: \\",
  "e": {},
  "l": [],
  "d": {
    "x": [
      1,
      2
    ]
  }
}"#;
        assert_eq!(laid_out(body).as_deref(), Some(expected));
        assert_eq!(laid_out("not json"), None);
        let deep = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(laid_out(&deep).is_some_and(|text| text.len() < 10_000));
    }
}
