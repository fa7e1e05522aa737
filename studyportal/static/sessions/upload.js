// Chunked upload with resume; success is said only after the server compared the checksum.
// Without this file the form posts the file as multipart.
const CHUNK_BYTES = 4 * 1024 * 1024, TRIES = 5;

const hex = (buffer) => [...new Uint8Array(buffer)].map((b) => b.toString(16).padStart(2, '0')).join('');
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
class Refused extends Error {}

async function refusal(answer) {
  const problem = await answer.json().catch(() => ({}));
  return new Refused(problem.detail ?? `The server refused the file (${answer.status}). Nothing was stored.`);
}

async function send(location, file, start, headers, progress) {
  let offset = start, failures = 0;
  for (;;) {
    try {
      const answer = await fetch(location, {
        method: 'PATCH', body: file.slice(offset, offset + CHUNK_BYTES),
        headers: { ...headers, 'Content-Type': 'application/offset+octet-stream', 'Upload-Offset': String(offset) },
      });
      if (answer.status === 200) return await answer.json();
      if (answer.status === 409 && answer.headers.has('Upload-Offset')) failures += 1; // resume where the server stands
      else if (answer.status >= 500) throw new TypeError('server');
      else if (!answer.ok) throw await refusal(answer);
      else failures = 0;
      if (failures > TRIES) throw new Refused('The upload does not advance. Choose the file again.');
      offset = Number(answer.headers.get('Upload-Offset'));
      progress(offset / file.size);
    } catch (error) {
      failures += 1;
      if (error instanceof Refused || failures > TRIES) throw error;
      await pause(1000 * failures);
    }
  }
}

function start(form) {
  const input = form.querySelector('input[type=file]'), bar = form.querySelector('progress'), status = form.querySelector('[role=status]');
  const headers = { Accept: 'application/json', 'X-CSRFToken': form.querySelector('[name=csrfmiddlewaretoken]').value };
  const progress = (part) => { bar.value = part; };
  form.addEventListener('submit', async (event) => {
    const file = input.files[0];
    if (!file || !globalThis.crypto?.subtle) return; // the server answers the plain form
    event.preventDefault();
    const button = form.querySelector('button');
    button.disabled = true;
    bar.hidden = false;
    progress(0);
    try {
      status.textContent = 'Computing the checksum';
      const sha256 = hex(await crypto.subtle.digest('SHA-256', await file.arrayBuffer()));
      status.textContent = 'Uploading';
      const answer = await fetch(form.dataset.uploadUrl, {
        method: 'POST', headers: { ...headers, 'Content-Type': 'application/json' },
        body: JSON.stringify({ size: file.size, sha256, kind: form.elements.kind?.value, filename: file.name }),
      });
      if (!answer.ok) throw await refusal(answer);
      const { location, offset } = await answer.json();
      const { spectrum_url: url, duplicate } = await send(location, file, offset, headers, progress);
      status.textContent = duplicate ? 'This file was already here; opening it.' : 'Uploaded, checksum confirmed.';
      window.location.assign(url);
    } catch (error) {
      status.textContent = error instanceof Refused ? error.message : 'Not connected. Nothing was stored; press upload to continue.';
      button.disabled = false;
    }
  });
}
document.querySelectorAll('form[data-upload-url]').forEach(start);
