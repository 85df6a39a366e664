// One webhook: deliveries that arrive while the page stands open. A part marked `data-live` is asked for
// again from that address while the tab is visible, and only what changed in it is replaced.
{
  const FAILURES_MAX = 3;

  function noteLive(words) {
    const note = document.getElementById("live-note");
    if (note && note.textContent !== words) note.textContent = words;
  }

  /** Rows by their keys: those that are the same stay untouched, with their focus. */
  function takeRows(old, fresh) {
    const rows = new Map([...old.rows].map((row) => [row.dataset.key, row]));
    let arrived = 0;
    [...fresh.rows].forEach((row, at) => {
      const known = rows.get(row.dataset.key);
      rows.delete(row.dataset.key);
      let kept = known;
      if (!known || known.dataset.state !== row.dataset.state) {
        kept = document.importNode(row, true);
        if (!known) arrived += 1;
        kept.classList.add("arrived");
        localTimes(kept);
        const held = known?.contains(document.activeElement);
        known?.remove();
        old.insertBefore(kept, old.rows[at] ?? null);
        if (held) kept.querySelector("a")?.focus();
      } else if (old.rows[at] !== kept) {
        // Others came or went around it; moving it would take its focus away.
        const held = kept.contains(document.activeElement) ? document.activeElement : null;
        old.insertBefore(kept, old.rows[at] ?? null);
        held?.focus();
      }
    });
    for (const gone of rows.values()) if (!gone.contains(document.activeElement)) gone.remove();
    return arrived;
  }

  /** A whole part, with what stood open in it and where the keyboard was. */
  function takeWhole(old, fresh) {
    const part = document.importNode(fresh, true);
    for (const details of old.querySelectorAll("details[id]")) {
      const same = part.querySelector(`#${CSS.escape(details.id)}`);
      if (same) same.open = details.open;
    }
    const held = old.contains(document.activeElement) ? document.activeElement : null;
    const place = held && [...old.querySelectorAll("a, button, summary, [tabindex]")].indexOf(held);
    old.replaceWith(part);
    enliven(part);
    if (held) [...part.querySelectorAll("a, button, summary, [tabindex]")][place]?.focus({ preventScroll: true });
    return part;
  }

  function takeList(old, fresh) {
    const [was, is] = [old.querySelector("tbody"), fresh.querySelector("tbody")];
    if (!was || !is) {
      if (!was && !is) return [old, 0];
      return [takeWhole(old, fresh), is ? is.rows.length : 0];
    }
    const arrived = takeRows(was, is);
    const [pager, pages] = [old.querySelector(".more"), fresh.querySelector(".more")];
    const [links, targets] = [pager, pages].map((nav) => [...(nav?.querySelectorAll("a") ?? [])]);
    if (links.length === targets.length) links.forEach((link, at) => { link.href = targets[at].href; });
    else if (pager && pages && !pager.contains(document.activeElement)) pager.replaceWith(document.importNode(pages, true));
    return [old, arrived];
  }

  function live(part) {
    let failures = 0;
    let timer = 0;
    let looking = false;
    const again = () => {
      clearTimeout(timer);
      timer = setTimeout(look, Number(part.dataset.liveEvery || 2) * 1000 * 2 ** failures);
    };

    async function look() {
      if (document.hidden || looking) return;
      looking = true;
      try {
        const answer = await fetch(part.dataset.live, { credentials: "same-origin", redirect: "error" });
        if (!answer.ok) throw new Error(String(answer.status));
        const text = await answer.text();
        const fresh = new DOMParser().parseFromString(text, "text/html").getElementById(part.id);
        if (!fresh) throw new Error("not the part that was asked for");
        failures = 0;
        take(fresh);
      } catch {
        failures += 1;
        if (failures >= FAILURES_MAX) {
          document.getElementById("live-note")?.classList.remove("visually-hidden");
          noteLive("This page no longer updates by itself. Reload it to go on.");
          document.removeEventListener("visibilitychange", back);
          return;
        }
      } finally {
        looking = false;
      }
      if (part.dataset.live) again();
    }

    function take(fresh) {
      if (part.dataset.liveNoun) {
        const [taken, arrived] = takeList(part, fresh);
        part = taken;
        const [one, many] = part.dataset.liveNoun.split("|");
        if (arrived > 0) noteLive(`${arrived} new ${arrived === 1 ? one : many}`);
      } else if (part.dataset.liveState !== fresh.dataset.liveState || !fresh.dataset.live) {
        part = takeWhole(part, fresh);
        noteLive(part.querySelector(".next-words, #progress-title")?.textContent ?? "");
      } else {
        part.dataset.liveEvery = fresh.dataset.liveEvery;
      }
    }

    const back = () => { if (!document.hidden && part.dataset.live) look(); };
    document.addEventListener("visibilitychange", back);
    again();
  }

  /** Hours of charts in the reader's own zone. */
  function localHours() {
    const hour = new Intl.DateTimeFormat(language, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    const full = new Intl.DateTimeFormat(language, {
      day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZoneName: "short",
    });
    for (const group of document.querySelectorAll("g[data-hour]")) {
      group.querySelector("title").textContent = `${full.format(new Date(group.dataset.hour))}: ${group.dataset.words}`;
    }
    for (const label of document.querySelectorAll("text[data-hour-label]")) {
      label.textContent = hour.format(new Date(label.dataset.hourLabel));
    }
    const zone = new Intl.DateTimeFormat(language, { timeZoneName: "short" })
      .formatToParts(new Date()).find((one) => one.type === "timeZoneName");
    for (const words of document.querySelectorAll("[data-zone]")) words.textContent = zone?.value ?? "";
  }

  localHours();
  document.querySelectorAll("[data-live]").forEach(live);
}
