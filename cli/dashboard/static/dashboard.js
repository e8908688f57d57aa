// Says so when the page can no longer update itself: the dashboard has ended, or AWS does not answer.
(() => {
  const stale = (isStale) => document.body.classList.toggle("stale", isStale);
  document.addEventListener("htmx:after:swap", () => stale(false));
  document.addEventListener("htmx:error", () => stale(true));
  document.addEventListener("htmx:response:error", () => stale(true));
})();
