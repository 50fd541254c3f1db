// Three small helpers; every page works without them.
"use strict";

// 1. A part of a page that asks for itself again while something is running: <div data-poll="/address" data-every="2000">
function poll(part) {
  const wait = Number(part.dataset.every) || 2000;
  const again = () => window.setTimeout(ask, wait);
  async function ask() {
    if (document.hidden) return again();
    try {
      const answer = await fetch(part.dataset.poll, { headers: { "X-Requested-With": "poll" }, redirect: "error" });
      if (!answer.ok) return again();
      part.innerHTML = await answer.text();
      if (answer.headers.get("X-Poll") !== "stop") again();
    } catch {
      again();
    }
  }
  again();
}
document.querySelectorAll("[data-poll]").forEach(poll);

// 2. A choice that filters a list is sent when it changes.
document.querySelectorAll("select[data-submit]").forEach((select) => {
  select.addEventListener("change", () => select.form.requestSubmit());
});

// 3. A form is sent once, however often the button is pressed.
document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
  window.setTimeout(() => delete event.target.dataset.sent, 4000);
});
