// The form: the address checked as its field is left, the search among events, the count.
{
  /** Shows what is wrong with an address; an answer that a newer one has overtaken is thrown away. */
  const checkAddress = (input) => {
    const shown = document.getElementById("url-problem");
    const csrf = input.form.elements.csrf.value;
    let checked = input.value;
    let asking = null;
    const show = (problems) => {
      shown.replaceChildren(...problems.map((problem) => {
        const line = document.createElement("span");
        line.textContent = problem;
        return line;
      }));
      if (problems.length) input.setAttribute("aria-invalid", "true");
      else input.removeAttribute("aria-invalid");
    };
    input.addEventListener("blur", async () => {
      const url = input.value;
      if (url === checked) return;
      checked = url;
      asking?.abort();
      if (!url.trim()) return show([]);
      const mine = asking = new AbortController();
      try {
        const answer = await fetch(input.dataset.check, {
          method: "POST", body: new URLSearchParams({ csrf, url }), signal: mine.signal,
        });
        if (!answer.ok) return;
        const { problems } = await answer.json();
        if (asking === mine && input.value === url) show(problems);
      } catch {
        // It is checked again when the form is sent.
        if (asking === mine) checked = null;
      }
    });
    // What was said about another address must not stand beside this one.
    input.addEventListener("input", () => {
      if (shown.childElementCount && input.value !== checked) {
        checked = null;
        show([]);
      }
    });
  };

  /** Searching, choosing a whole family and counting, without a way to the server and back. */
  const pickEvents = (form) => {
    const rows = [...form.querySelectorAll("[data-event]")];
    const families = [...form.querySelectorAll("[data-family]")];
    const search = form.querySelector("[data-search]");
    const noMatch = form.querySelector("#no-match span");
    const count = document.getElementById("count");
    const boxes = [...form.querySelectorAll("input[name=events]")];
    const texts = new Map(rows.map((row) => {
      const family = row.closest("[data-family]").querySelector("legend").textContent;
      return [row, `${row.querySelector(".check").textContent} ${family}`.toLowerCase()];
    }));

    const recount = () => {
      const chosen = boxes.filter((box) => box.checked).length;
      const strong = document.createElement("strong");
      strong.textContent = chosen;
      count.replaceChildren(strong, ` of ${boxes.length} events chosen`);
    };
    const narrow = () => {
      const words = search.value.toLowerCase().split(/\s+/);
      for (const row of rows) row.hidden = !words.every((word) => texts.get(row).includes(word));
      for (const family of families) family.hidden = !family.querySelector("[data-event]:not([hidden])");
      noMatch.hidden = rows.some((row) => !row.hidden);
    };
    const choose = (family, chosen) => {
      for (const box of family.querySelectorAll("[data-event]:not([hidden]) input")) box.checked = chosen;
      recount();
    };

    // What the server would do for these buttons is done here, and Enter is left to the one that saves.
    for (const button of form.querySelectorAll("[data-step]")) button.type = "button";
    for (const button of form.querySelectorAll("[data-plain]")) button.hidden = true;
    for (const family of families) {
      family.querySelector("[data-all]")?.addEventListener("click", () => choose(family, true));
      family.querySelector("[data-none]")?.addEventListener("click", () => choose(family, false));
    }
    search.addEventListener("input", narrow);
    search.addEventListener("keydown", (event) => { if (event.key === "Enter") event.preventDefault(); });
    form.addEventListener("change", (event) => { if (event.target.name === "events") recount(); });
    // Browsers put back what was filled in before the page was left.
    narrow();
    recount();
  };

  /** A second click must not send a form again whose answer shows a secret once. */
  const sendOnce = (form) => {
    let sent = false;
    form.addEventListener("submit", (event) => {
      if (sent) event.preventDefault();
      sent = true;
    });
    addEventListener("pageshow", () => { sent = false; });
  };

  for (const form of document.querySelectorAll(".webhook-form")) pickEvents(form);
  for (const input of document.querySelectorAll("input[data-check]")) checkAddress(input);
  for (const form of document.querySelectorAll(".webhook-form, .rotate-form")) sendOnce(form);
  document.querySelector("[data-focus]")?.focus();
}
