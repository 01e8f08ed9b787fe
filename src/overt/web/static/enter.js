// Takes the one-time code out of the address (#code) and sends it in the form, so that
// it stands in no history, log or referrer.
function enter() {
  const code = location.hash.slice(1);
  if (!code) return;
  history.replaceState(null, "", location.pathname);
  const form = document.getElementById("enter");
  form.elements.code.value = code;
  form.requestSubmit();
}

addEventListener("hashchange", enter); // the page may be open already
enter();
