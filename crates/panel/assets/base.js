// Comfort only: every page works without this but for what arrives by itself.
"use strict";

// As the server writes them without a script: the day before the month, 24 hours.
const language = "en-GB";
const exact = new Intl.DateTimeFormat(language, {
  day: "numeric", month: "short", year: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", timeZoneName: "short",
});

/** Moments in the reader's own zone. */
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    const moment = new Date(time.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    if ("exact" in time.dataset) time.textContent = exact.format(moment);
    else time.title = exact.format(moment);
  }
}

/** "3 min ago" goes on while the page stands open. */
function keepTimes(root) {
  for (const time of root.querySelectorAll("time[data-ago]")) {
    const seconds = Math.round((Date.now() - new Date(time.dateTime)) / 1000);
    const [size, unit] = [[86400, "day"], [3600, "h"], [60, "min"], [1, "s"]]
      .find(([size]) => Math.abs(seconds) >= size) ?? [1, "s"];
    const many = Math.floor(Math.abs(seconds) / size);
    const words = `${many} ${unit}${unit === "day" && many > 1 ? "s" : ""}`;
    time.textContent = Math.abs(seconds) < 5 ? "just now" : seconds > 0 ? `${words} ago` : `in ${words}`;
  }
}

/** Buttons that copy the text of another element. */
function copyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy]")) {
    const source = document.getElementById(button.dataset.copy);
    if (!source || !navigator.clipboard) continue;
    const label = button.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(source.value ?? source.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = label; }, 2000);
    });
  }
  for (const input of root.querySelectorAll("input[readonly]")) {
    input.addEventListener("focus", () => input.select());
  }
}

function enliven(root) {
  localTimes(root);
  copyButtons(root);
}

enliven(document);
setInterval(() => keepTimes(document), 10000);
