// Replaces what changed after a post was saved. Everything else on the page works without this.
"use strict";

const REPLACED = ["list", "head", "facts"];
let isBusy = false;
let isMissed = false;

/** Loads the frame again in its place, at the scroll position that it had. */
function reloadFrame(here, there, revision) {
  const done = () => { document.documentElement.dataset.shown = revision; };
  const { scrollX, scrollY } = here.contentWindow;
  here.className = there.className;
  here.title = there.title;
  here.addEventListener("load", () => {
    here.contentWindow.scrollTo(scrollX, scrollY);
    done();
  }, { once: true });
  here.src = there.getAttribute("src");
}

function replace(page) {
  const revision = page.body.dataset.revision;
  const focused = document.activeElement?.getAttribute("href");
  document.title = page.title;
  for (const id of REPLACED) {
    const here = document.getElementById(id);
    const there = page.getElementById(id);
    if (here.innerHTML !== there.innerHTML) here.replaceChildren(...there.childNodes);
  }
  const [panel, next] = [document.getElementById("panel"), page.getElementById("panel")];
  const [frame, nextFrame] = [panel.querySelector("iframe"), next.querySelector("iframe")];
  if (frame && nextFrame) {
    const [entry, nextEntry] = [panel.querySelector(".entry"), next.querySelector(".entry")];
    if (entry && nextEntry) entry.replaceWith(nextEntry);
    reloadFrame(frame, nextFrame, revision);
  } else {
    const part = panel.querySelector(".part");
    const scrolled = part ? part.scrollTop : 0;
    panel.replaceChildren(...next.childNodes);
    const shown = panel.querySelector(".part");
    if (shown) shown.scrollTop = scrolled;
    document.documentElement.dataset.shown = revision;
  }
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
events.addEventListener("change", refresh);
events.addEventListener("open", () => { document.documentElement.dataset.live = "yes"; });
events.addEventListener("error", () => { document.documentElement.dataset.live = "no"; });
