// Keeps what a list is searched and filtered by in the page's address: it survives a reload, and can be sent on.
document.addEventListener("input", (event) => {
  const form = event.target.closest("form.find");
  if (!form) return;
  const asked = new URLSearchParams([...new FormData(form)].filter(([, value]) => value));
  history.replaceState(null, "", asked.size ? `?${asked}` : location.pathname);
});
