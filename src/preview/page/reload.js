// Replaces what changed after a post was saved. Everything else on the page works without this.
"use strict";

const REPLACED = ["list", "head", "facts"];
let isBusy = false;
let isMissed = false;

const shown = (revision) => { document.documentElement.dataset.shown = revision; };

/** Loads the frame again in its place, at the scroll position that it had. */
function reloadFrame(revision) {
  const frame = document.getElementById("frame");
  if (!frame) return;
  const { scrollX, scrollY } = frame.contentWindow;
  frame.onload = () => {
    frame.contentWindow.scrollTo(scrollX, scrollY);
    shown(revision);
  };
  frame.src = frame.getAttribute("src").replace(/v=\d+$/, `v=${revision}`);
}

/** Replaces what is in the panel: a part of the email, or the entry above the frame. */
function replacePanel(here, there, revision) {
  const isFramed = here.querySelector("iframe") && there.querySelector("iframe");
  if (isFramed) {
    const [entry, next] = [here.querySelector(".entry"), there.querySelector(".entry")];
    if (entry && next) entry.replaceWith(next);
    return;
  }
  const scrolled = here.querySelector(".part")?.scrollTop ?? 0;
  here.replaceChildren(...there.childNodes);
  const part = here.querySelector(".part");
  if (part) part.scrollTop = scrolled;
  shown(revision);
}

function replace(page) {
  const focused = document.activeElement?.getAttribute("href");
  document.title = page.title;
  document.body.dataset.revision = page.body.dataset.revision;
  for (const id of REPLACED) {
    const [here, there] = [document.getElementById(id), page.getElementById(id)];
    if (here.innerHTML !== there.innerHTML) here.replaceChildren(...there.childNodes);
  }
  replacePanel(document.getElementById("panel"), page.getElementById("panel"), page.body.dataset.revision);
  if (focused && !document.activeElement?.getAttribute("href")) {
    document.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
}

async function refresh() {
  if (isBusy) {
    isMissed = true;
    return;
  }
  isBusy = true;
  try {
    const address = new URL(location.href);
    // Links are requested only when the writer asks for it.
    address.searchParams.delete("links");
    const answer = await fetch(address);
    if (answer.ok) replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // The program was stopped; the events say when it is back.
  }
  isBusy = false;
  if (isMissed) {
    isMissed = false;
    refresh();
  }
}

const events = new EventSource("events");
const update = (event) => {
  reloadFrame(event.data);
  refresh();
};
events.addEventListener("change", update);
// What changed before the events began, or while they were interrupted.
events.addEventListener("at", (event) => {
  if (event.data !== document.body.dataset.revision) update(event);
});
events.addEventListener("open", () => { document.documentElement.dataset.live = "yes"; });
events.addEventListener("error", () => { document.documentElement.dataset.live = "no"; });
