// Passkeys: a form with data-passkey asks the browser for a credential and sends it with its own fields. Without scripts the form stays hidden.
"use strict";

function bytes(text) {
  const padded = text.replace(/-/g, "+").replace(/_/g, "/");
  return Uint8Array.from(atob(padded), (character) => character.charCodeAt(0));
}

function base64url(buffer) {
  const text = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(text).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
}

function read(options) {
  const described = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));
  const found = { ...options, challenge: bytes(options.challenge) };
  if (options.user) { found.user = { ...options.user, id: bytes(options.user.id) }; }
  if (options.excludeCredentials) { found.excludeCredentials = described(options.excludeCredentials); }
  if (options.allowCredentials) { found.allowCredentials = described(options.allowCredentials); }
  return found;
}

function written(credential) {
  const response = {};
  for (const name of ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"]) {
    if (credential.response[name]) { response[name] = base64url(credential.response[name]); }
  }
  return JSON.stringify({
    id: credential.id, rawId: base64url(credential.rawId), type: credential.type, response,
    authenticatorAttachment: credential.authenticatorAttachment || undefined, clientExtensionResults: {},
  });
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  if (!window.PublicKeyCredential) { continue; }
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    const field = form.elements.credential;
    if (field.value) { return; }
    event.preventDefault();
    const fault = form.querySelector("[data-passkey-fault]");
    fault.hidden = true;
    try {
      const publicKey = read(JSON.parse(form.dataset.options));
      const credential = form.dataset.passkey === "create"
        ? await navigator.credentials.create({ publicKey })
        : await navigator.credentials.get({ publicKey });
      field.value = written(credential);
      form.submit();
    } catch (error) {
      fault.hidden = false;
      for (const button of form.querySelectorAll("button")) { button.disabled = false; }
    }
  });
}
