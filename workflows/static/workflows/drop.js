// A workflow or a picture that is dropped or pasted anywhere in the dashboard goes to "Check a workflow".
// Without this script the same page has a form.
(() => {
  "use strict";
  const action = "/workflows/drop/";
  const hasFiles = (event) => [...(event.dataTransfer?.types || [])].includes("Files");
  const inField = (event) => event.target.closest?.("input, textarea, select, [contenteditable], dialog[open]");
  const token = () => JSON.parse(document.body.getAttribute("hx-headers") || "{}")["X-CSRFToken"] || "";

  function send(field) {
    const form = document.createElement("form");
    Object.assign(form, { method: "post", action, enctype: "multipart/form-data", hidden: true });
    const csrf = Object.assign(document.createElement("input"), { name: "csrfmiddlewaretoken", value: token() });
    form.append(csrf, field);
    document.body.append(form);
    form.submit();
  }

  function sendFile(files) {
    const field = Object.assign(document.createElement("input"), { type: "file", name: "file" });
    const one = new DataTransfer();
    one.items.add(files[0]);
    field.files = one.files;
    send(field);
  }

  const hint = Object.assign(document.createElement("div"), { className: "toast", textContent: "Drop it to check what it needs." });
  let depth = 0; // dragenter comes again for each element below the pointer
  const mark = () => { if (depth) document.getElementById("toasts")?.append(hint); else hint.remove(); };
  document.addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth += 1; mark(); } });
  document.addEventListener("dragleave", (event) => { if (hasFiles(event)) { depth = Math.max(0, depth - 1); mark(); } });
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event) || event.target.closest?.("input[type=file]")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
  });
  document.addEventListener("drop", (event) => {
    depth = 0;
    mark();
    const files = event.dataTransfer?.files;
    if (!files?.length || event.target.closest?.("input[type=file]")) return;
    event.preventDefault();
    sendFile(files);
  });

  document.addEventListener("paste", (event) => {
    if (inField(event)) return;
    const { files } = event.clipboardData;
    const text = event.clipboardData.getData("text/plain").trim();
    if (files.length) sendFile(files);
    else if (text.startsWith("{")) send(Object.assign(document.createElement("textarea"), { name: "text", value: text }));
    else return;
    event.preventDefault();
  });
})();
