"use strict";

// What a page of the desk does besides following links and sending forms: keys, timers, countdowns, and the
// notes that save themselves. Everything else is htmx's. Without this file the pages work, slower.

(() => {
  // --- Trusted Types: htmx may make elements of the desk's answers, and nobody may make a script ---

  window.trustedTypes?.createPolicy("default", { createHTML: (html) => html });

  const find = (selector, within = document) => within.querySelector(selector);
  const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];
  const isShown = (element) => element.checkVisibility({ visibilityProperty: true });

  // --- Keys ---

  const rows = () => findAll(".row-link");

  function goToRow(step) {
    const all = rows();
    const at = all.findIndex((row) => row === document.activeElement || row.hasAttribute("aria-current") && !all.includes(document.activeElement));
    const row = all[at < 0 ? 0 : Math.min(Math.max(at + step, 0), all.length - 1)];
    row?.focus();
  }

  // The element that says that it is this key's: a button is pressed, a field is gone to, a choice is opened.
  function use(key) {
    const element = findAll(`[data-key="${key}"]`).find(isShown);
    if (!element) return false;
    element.focus();
    if (element.matches("summary")) openChoice(element);
    else if (!element.matches("textarea")) element.click();
    return true;
  }

  function openChoice(summary) {
    summary.parentElement.open = true;
    find("button", summary.parentElement)?.focus();
  }

  function escape() {
    const open = find(".call-back[open], .menu[open]");
    if (open) {
      open.open = false;
      find("summary", open).focus();
      return true;
    }
    const stop = findAll("[data-stop]").find(isShown);
    stop?.click();
    return Boolean(stop);
  }

  const KEYS = {
    j: () => goToRow(1),
    ArrowDown: () => goToRow(1),
    k: () => goToRow(-1),
    ArrowUp: () => goToRow(-1),
    c: () => use("c"),
    a: () => use("a"),
    h: () => use("h"),
    n: () => use("n"),
    u: () => use("u"),
    e: () => use("e"),
    "/": () => find("#q")?.focus(),
    "?": () => find("#help").showModal(),
    ...Object.fromEntries([1, 2, 3, 4, 5, 6, 7].map((digit) => [digit, () => use(digit)])),
  };

  const isTypedInto = (element) =>
    element.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=hidden])");

  // Letters type letters in fields, arrows move through groups, and a key with a modifier is the browser's.
  function isForUs(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat && event.key.length === 1 && !"jk".includes(event.key)) return false;
    if (isTypedInto(event.target) || find("dialog[open]")) return false;
    if (event.key.startsWith("Arrow")) return !event.target.matches("input, summary, .when *") && Boolean(find(".rows"));
    return document.body.dataset.keys === "on";
  }

  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !find("dialog[open]")) {
      if (isTypedInto(event.target)) event.target.blur();
      else if (escape()) event.preventDefault();
      return;
    }
    if (Object.hasOwn(KEYS, event.key) && isForUs(event)) {
      event.preventDefault();
      KEYS[event.key]();
    }
  });

  // --- Small things to click ---

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    for (const open of findAll(".menu[open], .call-back[open]")) {
      if (!open.contains(event.target)) open.open = false;
    }
    if (at("[data-opens]")) find(`#${at("[data-opens]").dataset.opens}`).showModal();
    if (at("[data-closes]")) at(at("[data-closes]").dataset.closes).remove();
    if (at("[data-stop]")) stopCountdowns();
    if (at("[data-copies]")) copy(at("[data-copies]"));
  });

  async function copy(button) {
    await navigator.clipboard.writeText(find(`#${button.dataset.copies}`).textContent);
    find("span", button).textContent = button.dataset.done;
  }

  // --- Timers: whatever counts says where it starts, and is told to by one clock ---

  const began = new WeakMap();
  const inMinutes = (seconds) => {
    const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
    const padded = (number) => String(number).padStart(2, "0");
    return hours ? `${hours}:${padded(minutes)}:${padded(rest)}` : `${minutes}:${padded(rest)}`;
  };

  // Seconds since an element was first seen here.
  function age(element) {
    if (!began.has(element)) began.set(element, performance.now());
    return (performance.now() - began.get(element)) / 1000;
  }

  function tick() {
    for (const timer of findAll("[data-elapsed]")) {
      timer.textContent = inMinutes(Math.floor(timer.dataset.elapsed / 1000 + age(timer)));
    }
    for (const time of findAll("[data-wrap-up]")) {
      const left = Math.ceil(time.dataset.wrapUp - age(time));
      if (left > 0) find("[data-count]", time).textContent = inMinutes(left);
      else time.textContent = time.dataset.over;
    }
    for (const toast of findAll("[data-goes]")) {
      if (age(toast) * 1000 > toast.dataset.goes) toast.remove();
    }
    findAll("[data-countdown]").forEach(countDown);
    markOwnCall();
  }

  // One that waits begins when the result is there that it waits for.
  function countDown(form) {
    const waiting = form.closest("[data-waits]");
    if (waiting && !waiting.classList.contains("counting")) {
      if (!document.getElementById(waiting.dataset.waits)) return;
      waiting.classList.add("counting");
    }
    const left = Math.ceil(form.dataset.countdown - age(form));
    find("[data-count]", form).textContent = Math.max(left, 0);
    if (left <= 0) {
      stopCountdowns();
      form.requestSubmit();
    }
  }

  function stopCountdowns() {
    for (const form of findAll("[data-countdown]")) {
      if (form.closest("[data-waits]:not(.counting)")) continue;
      delete form.dataset.countdown;
      find(".countdown", form)?.remove();
      find("[data-stop]", form)?.remove();
    }
  }

  setInterval(tick, 250);

  // --- Whom one's own call is with: the queue and the open order say so while it lasts ---

  let ownCallOf;

  function markOwnCall() {
    const of = find("#call .live")?.dataset.of ?? "";
    const tag = find("#on-it");
    if (tag) tag.hidden = of !== tag.closest(".order").dataset.order;
    if (ownCallOf !== undefined && ownCallOf !== of && find("#queue")) window.htmx.trigger("#queue-refresh", "refresh");
    ownCallOf = of;
  }

  // --- Notes: each change is saved; what comes back may be less than what was sent ---

  const note = { saved: null, sent: null };
  const noteText = () => find("#note-text");

  document.addEventListener("input", (event) => {
    if (event.target.id === "note-text") stopCountdowns();
  });

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt.id !== "note") return;
    const text = noteText().value;
    if (text === note.saved) event.preventDefault();
    else note.sent = text;
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt.id !== "note" || !event.detail.successful) return;
    const field = noteText();
    const answer = find("#note-stored");
    if (!answer || !field.isConnected) return;
    const stored = answer.textContent;
    const looked = note.sent.slice(0, note.sent.length - answer.dataset.held);
    if (stored !== looked && field.value.startsWith(note.sent)) {
      const fromEnd = field.value.length - field.selectionEnd;
      field.value = stored + field.value.slice(looked.length);
      field.selectionStart = field.selectionEnd = field.value.length - fromEnd;
    }
    note.saved = stored;
  });

  // Whoever leaves in the middle of a word leaves nothing behind.
  function saveNoteNow() {
    const field = noteText();
    if (!field || field.value === note.saved || field.value === field.defaultValue && note.saved === null) return;
    navigator.sendBeacon(field.form.action, new URLSearchParams(new FormData(field.form)));
    note.saved = field.value;
  }

  window.addEventListener("pagehide", saveNoteNow);
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.target.id === "pane" && event.detail.shouldSwap) saveNoteNow();
  });

  // --- What follows from an answer ---

  function markOpenOrder() {
    const order = find(".order")?.dataset.order;
    for (const row of rows()) {
      if (row.id === `row-${order}`) row.setAttribute("aria-current", "true");
      else row.removeAttribute("aria-current");
    }
  }

  document.addEventListener("htmx:afterSwap", (event) => {
    const { target } = event;
    if (target.id === "pane") {
      note.saved = noteText()?.value ?? null;
      document.title = document.title.replace(/^[^·]*/, `${find("#order-title")?.textContent ?? ""} `);
      find("#order-title")?.focus({ preventScroll: true });
      window.scrollTo(0, 0);
      find("#notice").replaceChildren();
    }
    if (target.id === "pane" || target.id === "queue") markOpenOrder();
  });

  document.addEventListener("htmx:configRequest", (event) => {
    const { elt, parameters } = event.detail;
    // A list that was unrolled is refreshed as a whole.
    if (elt.id === "queue-refresh") parameters.limit = rows().length;
    if (elt.id === "note" && event.detail.triggeringEvent?.type === "input") parameters.typing = "yes";
    // The call that was placed since the order was opened.
    const bar = find(`[data-of="${find(".order")?.dataset.order}"]`);
    if (elt.matches(".outcomes") && bar) parameters.call_id = bar.dataset.call;
  });

  // --- The stream of events: it comes back by itself, and then everything is looked at again ---

  let lost = false;
  const linkLost = find("#link-lost");

  document.addEventListener("htmx:sseError", () => {
    if (lost || !linkLost) return;
    lost = true;
    // Not at once: each page that is left ends its stream, and a restart takes a moment.
    setTimeout(() => lost && (linkLost.textContent = linkLost.dataset.text), 3000);
    // Whoever was signed out learns it by asking.
    if (find("#queue")) window.htmx.trigger("#queue-refresh", "refresh");
  });

  document.addEventListener("htmx:sseOpen", () => {
    if (lost && find("#queue")) window.htmx.trigger("#queue-refresh", "refresh");
    lost = false;
    if (linkLost) linkLost.textContent = "";
  });

  document.addEventListener("DOMContentLoaded", () => (note.saved = noteText()?.value ?? null));
})();
