// Small comforts; every page works without them.
"use strict";

// A part of a page with data-refresh="SECONDS" and an id is fetched anew while the page is seen, and replaced by what came.
function refresh(part) {
  const again = () => window.setTimeout(() => refresh(document.getElementById(part.id)), Number(part.dataset.refresh) * 1000);
  if (document.hidden) { again(); return; }
  const asked = new XMLHttpRequest();
  asked.open("GET", window.location.href);
  asked.responseType = "document";
  asked.onloadend = () => {
    const fresh = asked.status === 200 && asked.response ? asked.response.getElementById(part.id) : null;
    if (fresh) {
      part.replaceWith(fresh);
      if (fresh.dataset.refresh) { part = fresh; again(); }
    } else if (asked.status === 0 || asked.status >= 500) {
      again();
    }
  };
  asked.send();
}

for (const part of document.querySelectorAll("[data-refresh][id]")) {
  window.setTimeout(() => refresh(part), Number(part.dataset.refresh) * 1000);
}

// A choice with data-submit sends its form as soon as it is made.
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submit]")) { event.target.form.requestSubmit(); }
});

// A form that was sent is not sent twice by a second click.
document.addEventListener("submit", (event) => {
  if (event.target.method === "post") {
    for (const button of event.target.querySelectorAll("button")) { window.setTimeout(() => { button.disabled = true; }, 0); }
  }
});
