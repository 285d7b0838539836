"use strict";
// Keys, counts and signs of life. Without this script every page works; it only takes more steps.
(() => {
  const body = document.body;
  const { base, csrf, shortcuts } = body.dataset;
  const aCase = body.dataset.case;
  const byId = (id) => document.getElementById(id);
  const go = (address) => { if (address) { byId("loading").hidden = false; location.assign(address); } };
  const press = (id) => { const found = byId(id); if (found && !found.disabled) found.click(); };

  document.addEventListener("submit", () => { byId("loading").hidden = false; });
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href]");
    if (link && !link.hasAttribute("download") && !event.ctrlKey && !event.metaKey) byId("loading").hidden = false;
  });
  addEventListener("pageshow", () => { byId("loading").hidden = true; });

  // Where the keyboard is, after a page has come: at what is to be done next.
  const here = document.querySelector(".list a[aria-current]");
  if (here) here.scrollIntoView({ block: "nearest" });
  if (shortcuts === "on" && !document.querySelector("[autofocus]")) {
    const next = byId("again") || byId("assign") || document.querySelector("#found a") || document.querySelector("#people a, #rows a");
    if (next) next.focus({ preventScroll: !next.closest(".rows") });
  }

  const rows = [...document.querySelectorAll("#rows a.row")];
  const step = (by) => {
    if (aCase) { go(by > 0 ? body.dataset.next : body.dataset.before); return; }
    const at = rows.indexOf(document.activeElement);
    const to = rows[Math.min(rows.length - 1, Math.max(0, at + by))];
    if (to) { to.focus(); to.scrollIntoView({ block: "nearest" }); }
    if (by > 0 && at === rows.length - 1) press("next");
  };
  const nobody = (event) => {
    const reason = byId("reason");
    if (reason && !reason.value.trim()) { event.preventDefault(); reason.focus(); } else press("nobody");
  };
  const alike = () => {
    const group = byId("alike");
    if (!group) return;
    group.open = true;
    press("all");
  };
  const undo = () => { const found = document.querySelector(".toast .undo"); if (found) found.click(); };
  const candidate = (number) => {
    const found = (byId("found") || byId("people") || body).querySelectorAll("a.person")[number - 1];
    if (found) go(found.href);
  };
  const focus = (id, event) => { const found = byId(id); if (found) { event.preventDefault(); found.focus(); found.select(); } };
  const keys = {
    j: () => step(1), k: () => step(-1), ArrowDown: rows.length ? () => step(1) : null, ArrowUp: rows.length ? () => step(-1) : null,
    s: () => press("skip"), x: nobody, u: undo, a: alike,
    n: (event) => focus("reason", event), p: (event) => focus("patient", event), "/": (event) => focus("text", event),
    q: () => { const back = byId("back"); go(back ? back.href : `${base}/`); },
  };
  document.addEventListener("keydown", (event) => {
    const inText = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (event.key === "Escape" && inText) { event.target.blur(); return; }
    if (shortcuts === "on" && event.ctrlKey && event.key === "Enter" && event.target.id === "reason") { press("note"); return; }
    if (shortcuts !== "on" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (inText) {
      if (event.key === "Enter" && event.target.id === "reason" && !event.shiftKey) {
        event.preventDefault();
        press(byId("assign") ? "assign" : "nobody");
      }
      return;
    }
    const does = keys[event.key] || (/^[1-9]$/.test(event.key) ? () => candidate(Number(event.key)) : null);
    if (does) { if (event.key.startsWith("Arrow")) event.preventDefault(); does(event); }
  });

  const all = byId("all");
  if (all) all.addEventListener("change", () => {
    document.querySelectorAll("#alike input[name=with]").forEach((box) => { box.checked = all.checked; });
  });

  // What becomes of decisions. The numbers are the server's; nothing here decides when one is sent.
  const toasts = byId("toasts");
  const follow = async () => {
    if (!toasts || !toasts.children.length) return;
    try {
      const answer = await fetch(`${base}/toasts`);
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").body;
      const sorts = (part) => [...part.children].map((toast) => toast.className).join();
      const changed = sorts(fresh) !== sorts(toasts);
      if (!toasts.contains(document.activeElement) || changed) toasts.replaceChildren(...fresh.childNodes);
      if (changed && body.classList.contains("decisions")) location.reload();
    } catch { /* said by `alive` */ }
    setTimeout(follow, 1000);
  };
  setTimeout(follow, 1000);

  // Signs of life: the claim on what is looked at, and whether the inbox is still there.
  const alive = async () => {
    try {
      const answer = aCase
        ? await fetch(`${aCase}/claim`, { method: "POST", body: new URLSearchParams({ csrf }) })
        : await fetch(`${base}/alive`);
      byId("offline").hidden = answer.ok || answer.status >= 500;
      if (answer.status === 403) document.querySelectorAll("main, aside, .list, .toasts").forEach((part) => part.remove());
    } catch {
      byId("offline").hidden = false;
    }
  };
  setInterval(alive, 15_000);
  addEventListener("offline", alive);

  // How many wait, counted on while somebody looks.
  const shown = document.querySelectorAll("[data-count]");
  const count = async () => {
    try {
      const answer = await fetch(`${base}/counts`);
      if (!answer.ok) return;
      const { counts, more } = await answer.json();
      for (const element of shown) {
        const found = counts[element.dataset.count];
        element.textContent = found === undefined ? "" : `${found.toLocaleString(document.documentElement.lang)}${more ? "+" : ""}`;
      }
      if (more) setTimeout(count, 400);
    } catch { /* said by `alive` */ }
  };
  if (shown.length) count();
})();
