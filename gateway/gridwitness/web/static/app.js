// Live pages, keyboard, chart read-out. Without this file every page still works, it only does not move.
"use strict";

// ---- live: the server says that something changed; the page fetches itself and swaps the parts that differ
const seen = new Map();
let fetching = false, again = false;

const parts = (root) => root.querySelectorAll("[data-live]");
const name = (part) => part.dataset.live;

function remember(root) {
  for (const part of parts(root)) seen.set(name(part), part.outerHTML);
}

function place(element) {
  // how to find an element again after its part was swapped
  if (!element || element === document.body) return null;
  if (element.id) return `#${CSS.escape(element.id)}`;
  const href = element.getAttribute("href");
  return href ? `${element.localName}[href="${CSS.escape(href)}"]` : null;
}

function swap(old, fresh) {
  const focused = old.contains(document.activeElement) ? place(document.activeElement) : null;
  const open = [...old.querySelectorAll("details")].map((d) => d.open);
  const scrolls = [...old.querySelectorAll(".scroll")].map((s) => [s.scrollLeft, s.scrollTop]);
  const known = new Set([...old.querySelectorAll("[data-finding]")].map((row) => row.dataset.finding));
  const part = document.importNode(fresh, true);
  old.replaceWith(part);
  part.querySelectorAll("details").forEach((d, i) => { d.open = open[i] ?? d.open; });
  part.querySelectorAll(".scroll").forEach((s, i) => { if (scrolls[i]) [s.scrollLeft, s.scrollTop] = scrolls[i]; });
  part.querySelectorAll("[data-finding]").forEach((row) => { if (!known.has(row.dataset.finding)) row.classList.add("fresh"); });
  if (focused) part.querySelector(focused)?.focus({ preventScroll: true });
  chartsOf(part);
}

async function refresh() {
  if (fetching || document.hidden) { again = true; return; }
  fetching = true; again = false;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
    if (!answer.ok) throw new Error(answer.statusText);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const fresh of parts(page)) {
      const old = document.querySelector(`[data-live="${name(fresh)}"]`);
      if (old && seen.get(name(fresh)) !== fresh.outerHTML) swap(old, fresh);
    }
    remember(page);
    for (const fresh of page.querySelectorAll("[data-live-text]")) {
      const old = document.querySelector(`[data-live-text="${fresh.dataset.liveText}"]`);
      if (old && old.textContent !== fresh.textContent) old.textContent = fresh.textContent; // screen readers say what is new
    }
    document.title = page.title;
    document.body.dataset.version = page.body.dataset.version;
  } catch { pulse(false); } finally {
    fetching = false;
    if (again && !document.hidden) refresh();
  }
}

function pulse(on) {
  const light = document.getElementById("pulse");
  const words = on ? document.body.dataset.liveOn : document.body.dataset.liveOff;
  light.classList.toggle("on", on);
  light.setAttribute("aria-label", words);
  light.title = words;
}

function listen() {
  const stream = new EventSource("/events");
  stream.addEventListener("open", () => pulse(true));
  stream.addEventListener("error", () => pulse(false));
  stream.addEventListener("change", (event) => {
    if (String(JSON.parse(event.data).version) !== document.body.dataset.version) refresh();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && again) refresh(); });
  addEventListener("pagehide", () => stream.close());
}

// ---- charts: time and value under the pointer, in the site's time zone
function chartsOf(root) {
  for (const figure of root.querySelectorAll("figure[data-series]")) {
    const series = JSON.parse(figure.dataset.series);
    const zone = figure.dataset.zone;
    const time = new Intl.DateTimeFormat("sv-SE", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit" });
    figure.classList.add("with-data");
    for (const svg of figure.querySelectorAll("svg.chart")) {
      svg.addEventListener("pointermove", (event) => show(figure, svg, series, time, event));
      svg.addEventListener("pointerleave", () => hide(figure));
    }
  }
}

function show(figure, svg, series, time, event) {
  const { left, right, top, bottom, from, to, low, high } = svg.dataset;
  const box = svg.viewBox.baseVal, frame = svg.getBoundingClientRect();
  const x0 = +left, x1 = box.width - right, y0 = +top, y1 = box.height - bottom;
  const x = (event.clientX - frame.left) / frame.width * box.width;
  const at = +from + (x - x0) / (x1 - x0) * (to - from);
  const i = Math.floor((at - series.from) / series.step);
  const value = series.v[i];
  if (value == null || x < x0 || x > x1) { hide(figure); return; }
  const middle = series.from + (i + 0.5) * series.step;
  const px = Math.min(x1, Math.max(x0, x0 + (middle - from) / (to - from) * (x1 - x0)));
  const py = y0 + (high / 1000 - value) / ((high - low) / 1000) * (y1 - y0);
  const cursor = svg.querySelector(".cursor");
  cursor.classList.add("on");
  cursor.querySelector("path").setAttribute("transform", `translate(${px} 0)`);
  cursor.querySelector("circle").setAttribute("transform", `translate(${px} ${py})`);
  const u = series.u[i], digits = u >= 9.5 ? 0 : u >= 0.95 ? 1 : 2;
  const said = (n) => n.toFixed(digits).replace("-", "\u2212");
  figure.querySelector(".readout").textContent = `${time.format(series.from + i * series.step).slice(5)}  ${said(value)} ± ${said(u)} kW`;
}

function hide(figure) {
  figure.querySelectorAll(".cursor.on").forEach((cursor) => cursor.classList.remove("on"));
  figure.querySelector(".readout").textContent = "";
}

// ---- keyboard
let going = 0;

function keys(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, textarea, select, dialog")) return;
  const help = document.getElementById("help");
  if (event.key === "/") { event.preventDefault(); document.getElementById("search").focus(); }
  else if (event.key === "?") help.showModal();
  else if (event.key === "g") going = event.timeStamp;
  else if (event.timeStamp - going < 1500 && "odqe".includes(event.key)) document.querySelector(`a[data-go="${event.key}"]`)?.click();
  else if (event.key === "j" || event.key === "k") choose(event.key === "j" ? 1 : -1);
  else if (event.key === "Enter" && event.target === document.body) document.querySelector("tr.chosen a")?.click();
}

function choose(step) {
  const rows = [...document.querySelectorAll("tr[data-row]")];
  const now = rows.findIndex((row) => row.classList.contains("chosen"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, now + step))];
  rows[now]?.classList.remove("chosen");
  next?.classList.add("chosen");
  next?.scrollIntoView({ block: "nearest" });
}

function menus() {
  const menu = document.querySelector("details.menu");
  document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") menu.open = false; });
  menu.querySelector("[data-help]").addEventListener("click", () => { menu.open = false; document.getElementById("help").showModal(); });
}

remember(document);
chartsOf(document);
menus();
document.addEventListener("keydown", keys);
listen();
