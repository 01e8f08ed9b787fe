// Makes a passkey, or signs a decision with one. The challenge is the SHA-256 of the
// DSSE pre-auth encoding of the very document that is handed in (docs/spec/access.md).
const PREFIX = "application/vnd.overt.";
const text = new TextEncoder();

function toText(bytes) {
  const plain = Array.from(new Uint8Array(bytes), (byte) => String.fromCharCode(byte)).join("");
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function toBytes(value) {
  const plain = atob(value.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

async function challengeOf(type, payload) {
  const head = text.encode(`DSSEv1 ${type.length} ${type} ${payload.length} `);
  return crypto.subtle.digest("SHA-256", new Uint8Array([...head, ...payload]));
}

// Fields in the order of their names and JSON.stringify's escapes are RFC 8785 here.
function decisionBytes(form, decision) {
  const given = `${new Date().toISOString().slice(0, 19)}Z`;
  return text.encode(JSON.stringify({
    approver: form.dataset.approver,
    decision,
    given_utc: given,
    reason: form.elements.reason.value,
    request_digest: form.dataset.digest,
  }));
}

async function sign(form, decision) {
  const type = `${PREFIX}approval.v1`;
  const payload = decisionBytes(form, decision);
  const made = await navigator.credentials.get({
    publicKey: {
      challenge: await challengeOf(type, payload),
      rpId: location.hostname,
      allowCredentials: form.dataset.credentials.split(" ").map((id) => ({ type: "public-key", id: toBytes(id) })),
      userVerification: "required",
    },
  });
  form.elements.document.value = JSON.stringify({
    payloadType: type,
    payload: toText(payload),
    signatures: [{
      keyid: `passkey:${toText(made.rawId)}`,
      sig: toText(made.response.signature),
      authenticatorData: toText(made.response.authenticatorData),
      clientDataJSON: toText(made.response.clientDataJSON),
    }],
  });
}

async function make(form) {
  const name = form.dataset.member;
  const made = await navigator.credentials.create({
    publicKey: {
      challenge: toBytes(form.dataset.challenge),
      rp: { id: location.hostname, name: form.dataset.programme },
      user: { id: crypto.getRandomValues(new Uint8Array(16)), name, displayName: name },
      pubKeyCredParams: [-8, -7, -257].map((alg) => ({ type: "public-key", alg })),
      authenticatorSelection: { userVerification: "required", residentKey: "discouraged" },
      attestation: "none",
    },
  });
  form.elements.document.value = JSON.stringify({
    id: toText(made.rawId),
    rawId: toText(made.rawId),
    type: made.type,
    response: {
      attestationObject: toText(made.response.attestationObject),
      clientDataJSON: toText(made.response.clientDataJSON),
    },
  });
}

const NEEDED = "Say why you refuse; the reason goes on record.";

function complaint(error) {
  if (error.name === "NotAllowedError") return "Nothing was signed: it was cancelled, took too long, or no passkey of yours is at hand here. Try again.";
  if (error.name === "InvalidStateError") return "This authenticator holds a passkey of yours already. Use that one.";
  return `Nothing was signed (${error.name}). Use a browser with passkeys, over https or on localhost.`;
}

async function handle(form, decision) {
  const note = form.querySelector("[role=alert]");
  note.textContent = decision === "refuse" && !form.elements.reason.value.trim() ? NEEDED : "";
  if (note.textContent) return form.elements.reason.focus();
  try {
    await (decision ? sign(form, decision) : make(form));
    form.submit();
  } catch (error) {
    note.textContent = complaint(error);
  }
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    handle(form, event.submitter?.value);
  });
}
